//! The schema says what the reader does.

use serde::de::DeserializeOwned;

use super::super::deserializer::NodeDeserializer;
use super::super::mismatch::Reason;
use super::super::schema::schema;
use super::super::task::PromptWords;
use super::super::written::*;
use super::super::yaml;

/// The keys that the reader knows of a struct: those that it lists when it meets another.
fn known_keys<T: DeserializeOwned>() -> Vec<&'static str> {
    let (node, _) = yaml::read("{ no such key: 1 }", "r").expect("YAML");
    let node = Box::leak(Box::new(node));
    match T::deserialize(NodeDeserializer(node)).map(|_| ()).map_err(|mismatch| mismatch.reason) {
        Err(Reason::UnknownKey { known }) => known.to_vec(),
        other => panic!("unknown keys must be refused: {other:?}"),
    }
}

/// The properties of a definition of the schema; of the recipe itself for an empty name.
fn properties(schema: &serde_json::Value, name: &str) -> Vec<String> {
    let definition = if name.is_empty() { schema } else { &schema["$defs"][name] };
    assert_eq!(definition["additionalProperties"], false, "{name}");
    let properties = definition["properties"].as_object().unwrap_or_else(|| panic!("{name} has no properties"));
    for (key, property) in properties {
        assert!(property["description"].is_string(), "{name}.{key} has no description");
    }
    properties.keys().cloned().collect()
}

#[test]
fn the_schema_has_exactly_the_keys_that_the_reader_knows() {
    let schema = schema();
    let structs = [
        ("", known_keys::<Recipe>()),
        ("Base", known_keys::<Base>()),
        ("NewModel", known_keys::<NewModel>()),
        ("MadeTokenizer", known_keys::<MadeTokenizer>()),
        ("TrainTokenizer", known_keys::<TrainTokenizer>()),
        ("ExtendTokenizer", known_keys::<ExtendTokenizer>()),
        ("Source", known_keys::<Source>()),
        ("Clean", known_keys::<Clean>()),
        ("Near", known_keys::<Near>()),
        ("Sizes", known_keys::<Sizes>()),
        ("Most", known_keys::<Most>()),
        ("Least", known_keys::<Least>()),
        ("LanguageCheck", known_keys::<LanguageCheck>()),
        ("Pretrain", known_keys::<Pretrain>()),
        ("Adapter", known_keys::<Adapter>()),
        ("PartKeys", known_keys::<PartKeys>()),
        ("Optimizer", known_keys::<Optimizer>()),
        ("Schedule", known_keys::<Schedule>()),
        ("Compare", known_keys::<Compare>()),
        ("Judge", known_keys::<Judge>()),
        ("Price", known_keys::<Price>()),
        ("Task", known_keys::<Task>()),
        ("PromptWords", known_keys::<PromptWords>()),
        ("Metric", known_keys::<Metric>()),
        ("Bleu", known_keys::<Bleu>()),
        ("Publish", known_keys::<Publish>()),
    ];
    for (name, known) in &structs {
        assert_eq!(properties(&schema, name), *known, "{name}");
    }
    let maps = schema["$defs"].as_object().expect("definitions").values().filter(|one| one["properties"].is_object());
    assert_eq!(maps.count(), structs.len() - 1, "a struct of the schema is not in this test");
}

#[test]
fn the_schema_allows_no_null_and_says_what_is_required() {
    let schema = schema();
    assert!(!schema.to_string().contains("null"), "{schema:#}");
    assert_eq!(schema["required"], serde_json::json!(["name", "base"]));
    assert_eq!(schema["properties"]["seed"]["type"], "integer");
    assert_eq!(schema["$defs"]["Adapter"]["properties"]["rank"]["$ref"], "#/$defs/Count");
    assert_eq!(schema["properties"]["sources"]["additionalProperties"]["$ref"], "#/$defs/Source");
}
