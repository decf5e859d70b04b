// Types of `deno doc --json`, written as TypeScript has them. `mentioned` collects the names of the types in them.
import { ToolError } from "./process.mjs";

/** A property, method or constructor. */
export function memberText(member, owner, mentioned) {
  const { name, readonly, optional, isStatic, functionDef, params, kind, isWritable } = member;
  const prefix = isStatic ? "static " : "";
  if (name === "constructor")
    return `new ${owner}${signature({ ...member, returnType: undefined }, mentioned)}`;
  if (kind === "getter")
    return `${isWritable ? "" : "readonly "}${name}: ${type(functionDef.returnType, mentioned)}`;
  const callable = functionDef ?? (params === undefined ? undefined : member);
  if (callable !== undefined)
    return `${prefix}${name}${optional ? "?" : ""}${signature(callable, mentioned)}`;
  return `${prefix}${readonly ? "readonly " : ""}${name}${optional ? "?" : ""}: ${type(member.tsType, mentioned)}`;
}

/** Type parameters, parameters and the type of the result. */
export function signature({ params, returnType, typeParams }, mentioned) {
  const list = params.map((each) => parameter(each, mentioned)).join(", ");
  return `${typeParameters(typeParams)}(${list})${returnType === undefined ? "" : `: ${type(returnType, mentioned)}`}`;
}

function parameter({ kind, name, left, arg, optional, tsType }, mentioned) {
  if (kind === "assign") return parameter({ ...left, optional: true }, mentioned);
  if (kind === "rest") return `...${arg.name}: ${type(tsType ?? arg.tsType, mentioned)}`;
  return `${name ?? "options"}${optional ? "?" : ""}: ${type(tsType, mentioned)}`;
}

export function typeParameters(params = []) {
  return params.length === 0 ? "" : `<${params.map(({ name }) => name).join(", ")}>`;
}

export function type(node, mentioned) {
  const list = (nodes, separator) => nodes.map((each) => type(each, mentioned)).join(separator);
  const { kind, repr, value } = node;
  switch (kind) {
    case "keyword":
    case "this":
      return repr;
    case "literal":
      return value.kind === "string" ? JSON.stringify(value.string) : repr;
    case "typeQuery":
      return `typeof ${value}`;
    case "typeRef":
      mentioned.add(value.typeName);
      return value.typeName + (value.typeParams === undefined ? "" : `<${list(value.typeParams, ", ")}>`);
    case "union":
      return list(value, " | ");
    case "intersection":
      return list(value, " & ");
    case "array":
      return `${type(value, mentioned)}[]`;
    case "tuple":
      return `[${list(value, ", ")}]`;
    case "parenthesized":
      return `(${type(value, mentioned)})`;
    case "rest":
      return `...${type(value, mentioned)}`;
    case "typeOperator":
      return `${value.operator} ${type(value.tsType, mentioned)}`;
    case "indexedAccess":
      return `${type(value.objType, mentioned)}[${type(value.indexType, mentioned)}]`;
    case "fnOrConstructor":
      return `${signature({ ...value, returnType: undefined }, mentioned)} => ${type(value.tsType, mentioned)}`;
    case "typeLiteral": {
      const { properties = [], methods = [] } = value;
      const members = [...properties, ...methods].map((each) => memberText(each, "", mentioned));
      return `{ ${members.join("; ")} }`;
    }
    default:
      throw new ToolError(`the reference does not know types of the kind ${kind}: ${JSON.stringify(node)}`);
  }
}
