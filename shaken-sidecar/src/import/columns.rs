//! The columns of a query against those of a file, and each type as the text that the file has for it.

use tokio_postgres::types::{Kind, Type};

use crate::policy::data::quoted;
use crate::policy::data::rows::{Column, Presence};

/// The statement that gives the rows of the query `text` as CSV with the names of its columns, which are `given`.
///
/// # Errors
/// What is wrong with the columns, if they are not those of the file.
pub(super) fn copy(text: &str, given: &[(&str, Type)], columns: &[Column]) -> Result<String, String> {
    check(given, columns)?;
    let given: Vec<String> = given.iter().map(|(name, kind)| cell(name, kind)).collect();
    let cells = given.join(", ");
    // The line ends a comment at the end of the query.
    Ok(format!("COPY (SELECT {cells} FROM (\n{text}\n) AS imported) TO STDOUT WITH (FORMAT csv, HEADER)"))
}

fn check(given: &[(&str, Type)], columns: &[Column]) -> Result<(), String> {
    let of = |presence| {
        let names = columns.iter().filter(move |(_, other)| *other == presence).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    let wanted = || format!("wanted are {}; there may be {}", of(Presence::Required), of(Presence::Optional));
    for (i, (name, _)) in given.iter().enumerate() {
        if !columns.iter().any(|(known, _)| known == name) {
            return Err(format!(
                "it gives a column {}, which the file does not have; {}",
                quoted(name),
                wanted()
            ));
        }
        if given.iter().take(i).any(|(other, _)| other == name) {
            return Err(format!("it gives column {name} twice"));
        }
    }
    let is_missing = |name: &str| !given.iter().any(|(other, _)| *other == name);
    let mut required = columns.iter().filter(|(_, presence)| *presence == Presence::Required);
    match required.find(|(name, _)| is_missing(name)) {
        Some((name, _)) => Err(format!("it gives no column {name}; name columns with AS; {}", wanted())),
        None => Ok(()),
    }
}

/// `name` is that of a column of a file, and needs no escaping.
fn cell(name: &str, kind: &Type) -> String {
    let column = format!("imported.\"{name}\"");
    let text = match underlying(kind) {
        // What has no end or no beginning stays a word, which the check of the rows refuses: an empty cell in its
        // place could turn "never" into "always".
        Type::TIMESTAMPTZ | Type::TIMESTAMP => format!(
            "CASE WHEN isfinite({column}) THEN to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
             ELSE {column}::text END"
        ),
        Type::BYTEA => format!("encode({column}, 'hex')"),
        kind if matches!(kind.kind(), Kind::Array(_)) => format!("array_to_string({column}, ';')"),
        _ => format!("{column}::text"),
    };
    format!("{text} AS \"{name}\"")
}

fn underlying(kind: &Type) -> Type {
    match kind.kind() {
        Kind::Domain(of) => underlying(of),
        _ => kind.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] =
        [("a", Presence::Required), ("b", Presence::Required), ("c", Presence::Optional)];

    fn check_names(names: &[&str]) -> Result<(), String> {
        check(&names.iter().map(|name| (*name, Type::TEXT)).collect::<Vec<_>>(), &COLUMNS)
    }

    #[test]
    fn columns_are_those_of_the_file() {
        assert_eq!(check_names(&["c", "b", "a"]), Ok(()));
        assert_eq!(check_names(&["a", "b"]), Ok(()));
        for (names, part) in [
            (&["a"][..], "no column b"),
            (&[], "no column a"),
            (&["a", "b", "B"], "a column \"B\""),
            (&["a", "b", "12155550121"], "a column \"xxxxxxxxx21\""),
            (&["a", "b", "b"], "column b twice"),
        ] {
            let refused = check_names(names).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
        let refused = check_names(&["x"]).unwrap_err();
        assert!(refused.ends_with("wanted are a, b; there may be c"), "{refused}");
    }
}
