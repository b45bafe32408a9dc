//! Words of one's own for a row: texts with places for its fields, and expressions over them.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde_json::{Map, Value as Json};

use super::{LITTLE_FUEL, LONGEST, RECURSION, from_jinja, guarded, json, python};
use crate::error::{Error, Result};

/// A row: its fields by their names.
pub type Fields = Map<String, Json>;

const NAME: &str = "text";

/// A text with places for the fields of a row, in Jinja.
///
/// ```
/// use emakeel::data::template::Phrase;
/// let phrase = Phrase::compile("Küsimus: {{ question | trim }}").unwrap();
/// let row = serde_json::json!({ "question": "Kes tuli? " });
/// assert_eq!(phrase.render(row.as_object().unwrap()).unwrap(), "Küsimus: Kes tuli?");
/// ```
#[derive(Debug, Clone)]
pub struct Phrase {
    environment: Environment<'static>,
}

impl Phrase {
    /// Compiles a text.
    ///
    /// # Errors
    /// It is no Jinja, or longer than 128 KiB.
    pub fn compile(text: &str) -> Result<Self> {
        let mut environment = environment(text)?;
        guarded(|| environment.add_template_owned(NAME, text.to_owned()))?;
        Ok(Self { environment })
    }

    /// The text for a row.
    ///
    /// # Errors
    /// The row lacks a field that the text writes, or the text does what a row does not allow.
    pub fn render(&self, row: &Fields) -> Result<String> {
        let template = self.environment.get_template(NAME).map_err(from_jinja)?;
        guarded(|| template.render(Value::from(Serde(row))))
    }
}

/// What to make of a row: an expression of Jinja over its fields, such as a field's name.
#[derive(Debug, Clone)]
pub struct Expression {
    environment: Environment<'static>,
    text: String,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is no expression, or longer than 128 KiB.
    pub fn compile(text: &str) -> Result<Self> {
        let environment = environment(text)?;
        guarded(|| environment.compile_expression(text).map(drop))?;
        Ok(Self { environment, text: text.to_owned() })
    }

    /// What it is for a row; nothing where the row lacks a field that stands alone.
    ///
    /// # Errors
    /// The expression does what the row does not allow.
    pub fn value(&self, row: &Fields) -> Result<Json> {
        let value = guarded(|| self.environment.compile_expression(&self.text)?.eval(Value::from(Serde(row))))?;
        serde_json::to_value(&value).map_err(|error| Error::new(format!("{} gives no value: {error}", self.text)))
    }
}

/// As for chat templates, but a field that is not there is an error, and line feeds after tags stay: a prompt is short, and
/// what is written is meant.
fn environment(text: &str) -> Result<Environment<'static>> {
    if text.len() > LONGEST {
        return Err(Error::new("the length of the text").got(text.len()).expected(format!("at most {LONGEST} bytes")));
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(LITTLE_FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_unknown_method_callback(python::method);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter("trim", python::trim);
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Json) -> Fields {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_text_takes_what_the_row_has_and_names_what_it_lacks() {
        let phrase = Phrase::compile("{{ a }}{% if b %} ja {{ b }}{% endif %}").unwrap();
        assert_eq!(phrase.render(&fields(json!({ "a": "kass", "b": "koer" }))).unwrap(), "kass ja koer");
        assert_eq!(phrase.render(&fields(json!({ "a": "kass" }))).unwrap(), "kass");
        assert!(phrase.render(&fields(json!({ "b": "koer" }))).is_err());
        let lines = Phrase::compile("{{ a }}{% if b %}\n{{ b }}{% endif %}").unwrap();
        assert_eq!(lines.render(&fields(json!({ "a": "kass", "b": "koer" }))).unwrap(), "kass\nkoer");
        assert!(Phrase::compile("{{ a").is_err());
    }

    #[test]
    fn an_expression_gives_fields_lists_and_numbers() {
        let row = fields(json!({ "n": "3", "a": "x", "b": { "c": ["y", "z"] } }));
        let value = |text: &str| Expression::compile(text).unwrap().value(&row).unwrap();
        assert_eq!(value("n | int - 1"), json!(2));
        assert_eq!(value("[a, b.c[1]]"), json!(["x", "z"]));
        assert_eq!(value("b.c"), json!(["y", "z"]));
        assert_eq!(value("a ~ '!'"), json!("x!"));
        assert_eq!(value("nothing"), Json::Null);
        assert!(Expression::compile("a b").is_err());
    }
}
