//! The JSON Schema of recipes, for editors.

use serde_json::Value;

use super::written;

/// The JSON Schema (draft 2020-12) of a recipe: every key with its comment.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(written::Recipe).to_value();
    tidy(&mut schema);
    schema
}

/// Takes `null` out of every type, since a key is left out or has a value; and line breaks out of the comments.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(tidy);
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_mut_slice() {
                    let only = only.take();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(options)) = map.get_mut("anyOf") {
                options.retain(|option| option.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = options.as_mut_slice() {
                    let only = std::mem::take(only);
                    map.shift_remove("anyOf");
                    map.extend(only);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
