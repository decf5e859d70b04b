//! One JSON object a line on standard output.

use std::io::Write;

pub fn text(value: &str) -> String {
    let mut json = String::from('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control < ' ' => json.push_str(&format!("\\u{:04x}", control as u32)),
            plain => json.push(plain),
        }
    }
    json.push('"');
    json
}

pub fn optional(value: Option<&String>) -> String {
    value.map_or("null".into(), |value| text(value))
}

/// `fields` are names and values that are already JSON.
pub fn emit(event: &str, fields: &[(&str, String)]) {
    let mut line = format!("{{\"event\":{}", text(event));
    for (name, json) in fields {
        line.push_str(&format!(",{}:{json}", text(name)));
    }
    let mut out = std::io::stdout().lock();
    // A reader that has gone away ends the test, not this write.
    let _ = writeln!(out, "{line}}}");
    let _ = out.flush();
}
