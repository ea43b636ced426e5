//! Prints the root of a dataset.

use file_backed::dataset::Inspection;
use file_backed_codecs::printable::is_escaped;
use serde::de::IgnoredAny;

use super::found::Found;
use super::options::Root;
use super::{Result, output};

/// How deep lines are indented at most. Otherwise the text would grow with the square of the
/// depth, to gigabytes for a root of some hundred kilobytes.
const DEEPEST: usize = 64;

pub(crate) fn run(directory: &Inspection, options: &Root, as_json: bool) -> Result<Found> {
    super::check_dataset(directory)?;
    let root = directory.root_json().ok_or("the root is not UTF-8")?;
    if options.raw {
        if output::is_terminal() && root.chars().any(is_escaped) {
            let text = "the root has characters that a terminal would interpret: leave out --raw, \
                        or send it to a file or a pipe";
            return Err(text.into());
        }
        output::text(root)?;
        return Ok(Found::Whole);
    }
    serde_json::from_str::<IgnoredAny>(root)
        .map_err(|error| format!("the root is not JSON ({error}): see it with --raw"))?;
    match as_json {
        true => {
            let path = output::as_json(&output::path(directory.path()));
            let generation = directory.generation().unwrap_or(0);
            let root = output::escape_json(root.trim());
            output::text(&format!(
                "{{\"path\":{path},\"generation\":{generation},\"root\":{root}}}\n"
            ))?;
        }
        false => output::text(&format!("{}\n", pretty(root)))?,
    }
    Ok(Found::Whole)
}

/// JSON with a line for each element. Unlike a parsed value, it has every number and the order
/// of the fields as they are. Elements deeper than [`DEEPEST`] are indented like those there.
fn pretty(json: &str) -> String {
    let (mut text, mut depth) = (String::new(), 0_usize);
    let mut chars = json.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                let mut is_escape = false;
                text.push(char);
                for char in chars.by_ref() {
                    text += &output::escape_json(char.encode_utf8(&mut [0; 4]));
                    let is_end = char == '"' && !is_escape;
                    is_escape = char == '\\' && !is_escape;
                    if is_end {
                        break;
                    }
                }
            }
            '{' | '[' => {
                text.push(char);
                while chars.next_if(|char| char.is_ascii_whitespace()).is_some() {}
                match chars.next_if(|char| matches!(char, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        depth += 1;
                        begin_line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                begin_line(&mut text, depth);
                text.push(char);
            }
            ',' => {
                text.push(char);
                begin_line(&mut text, depth);
            }
            ':' => text += ": ",
            char if char.is_ascii_whitespace() => {}
            char => text.push(char),
        }
    }
    text
}

fn begin_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn pretty_json_is_what_serde_json_prints() {
        for json in [
            "null",
            "[]",
            r#"{"a":[],"b":{},"c":[1,-2.5e+300,true],"d":{"e":"f:,[]{}\"\\"}}"#,
            r#"[[[]],"\\",{"":""}]"#,
        ] {
            let value: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
            let expected = serde_json::to_string_pretty(&value).expect("it is a value");
            assert_eq!(pretty(json), expected);
        }
    }

    #[test]
    fn numbers_and_the_order_of_fields_stay_as_they_are() {
        let json = r#"{"z":123456789012345678901234567890, "a" : 1.0}"#;
        let expected = "{\n  \"z\": 123456789012345678901234567890,\n  \"a\": 1.0\n}";
        assert_eq!(pretty(json), expected);
    }
}
