//! A value tree as text, the same for equal trees wherever they were built.

use tidegate::json::Json;

/// The tree as text: fields in the order of their names (parsers disagree on theirs), numbers as Rust prints the shortest digits of a double,
/// strings escaped as Rust's `Debug` does, and every handle alike.
pub fn print(tree: &Json) -> String {
    match tree {
        Json::Null => String::from("null"),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => format!("{number:?}"),
        Json::Text(text) => format!("{text:?}"),
        Json::Handle(_) => String::from("<handle>"),
        Json::List(values) => format!("[{}]", values.iter().map(print).collect::<Vec<_>>().join(",")),
        Json::Object(fields) => {
            let mut fields: Vec<&(String, Json)> = fields.iter().collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            // Of equal names the last counts.
            let counts = |place: &usize| fields.get(place + 1).is_none_or(|next| next.0 != fields[*place].0);
            let fields = (0..fields.len()).filter(counts).map(|place| fields[place]);
            let fields = fields.map(|(name, value)| format!("{name:?}:{}", print(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
    }
}
