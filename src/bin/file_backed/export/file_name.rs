//! The path of the file that an item is exported to.
//!
//! A path is a sequence of components, none of which is empty, `.`, `..` or longer than
//! [`LONGEST`], and none of which has a NUL. Whatever else a name has is an escape, which
//! begins with `%=`; `file_backed export --help` lists them. A name that is such a path
//! already, and has nothing that looks like an escape, is its own path. From a path the name
//! can be told, so no two names have one path.

use file_backed::dataset::Names;
use file_backed::uuid::Uuid;

/// The longest component in bytes that file systems take.
const LONGEST: usize = 255;

/// The longest piece of a longer one, without the mark that another one continues it.
const LONGEST_PIECE: usize = 240;

/// What an escape begins with.
const MARK: &str = "%=";
/// Stands for nothing.
const NOTHING: &str = "%=_";
/// The next component continues this one.
const CONTINUED: &str = "%=+";
/// Ends a key that is also a name.
const OF_KEY: &str = "%=k";

/// The path of the item that has this name. `names` are all of the commit.
pub(super) fn of_name(name: &str, names: &Names) -> Vec<String> {
    let is_directory = names.prefix(&format!("{name}/")).next().is_some();
    path_of(name, is_directory)
}

/// The path of an item that has no name.
pub(super) fn of_key(key: Uuid, names: &Names) -> Vec<String> {
    let mut text = key.simple().to_string();
    let is_name = names.get(&text).is_some();
    if is_name || names.prefix(&format!("{text}/")).next().is_some() {
        text += OF_KEY;
    }
    vec![text]
}

/// `is_directory` says whether other names have this one as a directory.
fn path_of(name: &str, is_directory: bool) -> Vec<String> {
    let mut path = Vec::new();
    let mut components = name.split('/').peekable();
    while let Some(component) = components.next() {
        let is_last = components.peek().is_none();
        push_component(component, is_last && is_directory, &mut path);
    }
    path
}

/// Adds a component of a name, which becomes several if it is long.
fn push_component(component: &str, is_directory_too: bool, path: &mut Vec<String>) {
    let mut tokens = escaped(component);
    if component.is_empty() {
        tokens.push(NOTHING.to_owned());
    }
    if is_directory_too {
        tokens.push(NOTHING.to_owned());
    }
    let whole = escape_end(tokens.concat());
    if whole.len() <= LONGEST {
        return path.push(whole);
    }
    let mut piece = String::new();
    for token in tokens {
        if piece.len() + token.len() > LONGEST_PIECE {
            path.push(format!("{}{CONTINUED}", std::mem::take(&mut piece)));
        }
        piece += &token;
    }
    path.push(escape_end(piece));
}

/// The characters of a component, of which some are escaped.
fn escaped(component: &str) -> Vec<String> {
    let chars = component.char_indices();
    let tokens =
        chars.map(
            |(at, char)| match is_escaped(char) || looks_like_an_escape(&component[at..]) {
                true => escape(char),
                false => char.to_string(),
            },
        );
    tokens.collect()
}

/// Whether a component cannot have this character.
fn is_escaped(char: char) -> bool {
    let on_windows = matches!(
        char,
        '\u{1}'..='\u{1f}' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'
    );
    char == '\0' || cfg!(windows) && on_windows
}

/// Whether this is not an escape, but would be taken for one.
fn looks_like_an_escape(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(MARK) else {
        return false;
    };
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    match rest.as_bytes() {
        [b'_' | b'+' | b'k' | b't', ..] => true,
        [high, low, ..] => is_digit(high) && is_digit(low),
        _ => false,
    }
}

/// A character of ASCII.
fn escape(char: char) -> String {
    format!("{MARK}{:02X}", u32::from(char))
}

/// Escapes what a component cannot be as a whole, or cannot end with.
fn escape_end(piece: String) -> String {
    if matches!(&*piece, "." | "..") {
        return format!("{}{}", escape('.'), &piece[1..]);
    }
    match piece.chars().next_back() {
        Some(last @ ('.' | ' ')) if cfg!(windows) => {
            format!("{}{}", &piece[..piece.len() - 1], escape(last))
        }
        // `CON`, `NUL`, `COM1` and others are devices, with any extension.
        _ if cfg!(windows) && is_device(&piece) => {
            let (first, rest) = piece.split_at(1);
            format!("{MARK}{:02X}{rest}", first.as_bytes()[0])
        }
        _ => piece,
    }
}

fn is_device(piece: &str) -> bool {
    let stem = piece.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    let numbered = |prefix| {
        let number = stem.strip_prefix(prefix);
        number.is_some_and(|number| {
            matches!(
                number,
                "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
        })
    };
    matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The name that has this path.
    fn name_of(path: &[String]) -> String {
        let mut name = String::new();
        for (at, component) in path.iter().enumerate() {
            let (mut rest, mut continues) = (&**component, at + 1 == path.len());
            while let Some(char) = rest.chars().next() {
                let Some(escape) = rest
                    .strip_prefix(MARK)
                    .filter(|_| looks_like_an_escape(rest))
                else {
                    name.push(char);
                    rest = &rest[char.len_utf8()..];
                    continue;
                };
                rest = match escape.as_bytes()[0] {
                    b'_' => &escape[1..],
                    b'+' => {
                        continues = true;
                        &escape[1..]
                    }
                    _ => {
                        let byte = u8::from_str_radix(&escape[..2], 16).expect("two digits");
                        name.push(byte.into());
                        &escape[2..]
                    }
                };
            }
            if !continues {
                name.push('/');
            }
        }
        name
    }

    fn assert_is_safe(path: &[String]) {
        assert!(!path.is_empty());
        for component in path {
            assert!(!matches!(&**component, "" | "." | ".."), "{path:?}");
            assert!(!component.contains(['\0', '/']), "{path:?}");
            assert!(component.len() <= 255, "{path:?}");
        }
    }

    #[test]
    #[cfg(not(windows))]
    fn ordinary_names_are_their_own_paths() {
        for name in [
            "a",
            "a/b.txt",
            "100%",
            "a%20b",
            "%=",
            "50%=x",
            "...",
            ".a",
            "-rf",
            "\u{1b}[31m",
            "ä/日本",
            "a\\b",
            " ",
        ] {
            assert_eq!(path_of(name, false).join("/"), name);
        }
    }

    #[test]
    fn what_is_no_path_is_escaped() {
        let longest = "x".repeat(255);
        let long = "x".repeat(256);
        let continued = format!("{}%=+/{}", &long[..240], &long[..16]);
        let piece = "x".repeat(240);
        let dots = format!("{piece}{piece}..");
        let ends_with_dots = format!("{piece}%=+/{piece}%=+/%=2E.");
        for (name, path) in [
            ("..", "%=2E."),
            (".", "%=2E"),
            ("a/../b", "a/%=2E./b"),
            ("/etc", "%=_/etc"),
            ("a//b/", "a/%=_/b/%=_"),
            ("\0", "%=00"),
            ("%=00", "%=25=00"),
            (&longest, &longest),
            (&long, &continued),
            (&dots, &ends_with_dots),
        ] {
            assert_eq!(path_of(name, false).join("/"), path);
        }
        assert_eq!(path_of("a", true), ["a%=_"]);
    }

    /// Names made of what is special.
    fn names() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("."),
            Just(".."),
            Just("/"),
            Just("\0"),
            Just("%="),
            Just("%=00"),
            Just("%=_"),
            Just("%=+"),
            Just("%=k"),
            Just("a"),
            Just("ä"),
            Just("\\"),
            Just("CON"),
            Just(" "),
            Just("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ];
        prop::collection::vec(part, 1..14).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_path_is_safe_and_tells_the_name(name in names(), is_directory: bool) {
            let path = path_of(&name, is_directory);
            assert_is_safe(&path);
            prop_assert_eq!(name_of(&path), name);
        }

        /// The directories of a name are no file of another one, given that names that are
        /// directories too are marked.
        #[test]
        fn no_file_is_also_a_directory(name in names(), rest in names()) {
            let below = path_of(&format!("{name}/{rest}"), false);
            let file = path_of(&name, true);
            prop_assert!(!below.starts_with(&file), "{below:?} {file:?}");
        }
    }
}
