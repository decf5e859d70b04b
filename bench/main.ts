import { type Context, type Figures, type Group, type MeasureOptions, measure } from "./harness.ts";
import { answer } from "./other-process.ts";

// Runs groups in this runtime and prints each one's figures as a line of JSON. The runner (tools/bench.mjs) bundles
// it with the groups and starts it in every runtime.

const FULL: MeasureOptions = { rounds: 15, roundMs: 20, warmUpMs: 300 };
const QUICK: MeasureOptions = { rounds: 5, roundMs: 10, warmUpMs: 150 };

/**
 * Arguments: the runtime's name, "first" or "other", "full" or "quick"; and in a second process "role", group, and role.
 */
export async function main(groups: Readonly<Record<string, Group>>): Promise<void> {
  const [runtime, place, speed, role, ofGroup, named] = process.argv.slice(2);
  if (role === "role") {
    await answer(await groups[ofGroup!]!.roles![named!]!(runtime!));
    return;
  }
  const quick = speed === "quick";
  const options = quick ? QUICK : FULL;
  for (const [name, group] of Object.entries(groups)) {
    if (!group.everyRuntime && place !== "first") continue;
    console.error(`${runtime}: ${name}`);
    const context: Context = { runtime: runtime!, quick, measure: (cases) => measure(cases, options) };
    print({ group: name, everyRuntime: group.everyRuntime, figures: await group.run(context) });
    if (group.runOnce === undefined || place !== "first" || !context.runtime.startsWith("node")) continue;
    print({ group: name, everyRuntime: false, figures: await group.runOnce(context) });
  }
}

function print(line: { group: string; everyRuntime: boolean; figures: Figures }): void {
  console.log(`@bench ${JSON.stringify(line)}`);
}
