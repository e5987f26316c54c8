//! Splits a command line as a POSIX shell does: quotes and backslashes, nothing expanded.

/// The words of a line.
///
/// # Errors
/// A quote is not closed, or the line ends in a backslash.
pub(crate) fn split_words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => quoted(&mut chars, word.get_or_insert_default(), line)?,
            '"' => double_quoted(&mut chars, word.get_or_insert_default(), line)?,
            '\\' => {
                let next = chars.next().ok_or_else(|| format!("the command `{line}` ends in a backslash"))?;
                word.get_or_insert_default().push(next);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String, line: &str) -> Result<(), String> {
    for c in chars.by_ref() {
        match c {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
    Err(format!("the command `{line}` has a ' that is not closed"))
}

fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String, line: &str) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                Some(c) => word.extend(['\\', c]),
                None => break,
            },
            c => word.push(c),
        }
    }
    Err(format!("the command `{line}` has a \" that is not closed"))
}

#[cfg(test)]
mod tests {
    use super::split_words;

    #[test]
    fn words_split_as_a_shell_splits_them() {
        let line = r#"sh -c 'echo "a b"' x\ y "q\"\n" '' "#;
        assert_eq!(split_words(line).unwrap(), ["sh", "-c", "echo \"a b\"", "x y", "q\"\\n", ""]);
        assert_eq!(split_words("  ").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_open_quote_is_refused() {
        assert!(split_words("sh -c 'x").unwrap_err().contains("not closed"));
        assert!(split_words("a \"b").is_err());
        assert!(split_words("a \\").is_err());
    }
}
