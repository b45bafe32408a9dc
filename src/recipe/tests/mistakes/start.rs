//! Mistakes in the name, the device, the base and the sources.

use insta::assert_snapshot;

use super::super::*;

#[test]
fn a_recipe_must_have_a_name_a_base_and_something_to_do() {
    assert_snapshot!(mistakes("seed: 1\n"), @"
    recipe r.yaml:1:1  name is missing
      hint: name the run folder, such as name: my-study
    recipe r.yaml:1:1  base is missing
      hint: name the model that learns, such as base: { model: models/Llama-2-7b-hf }
    recipe r.yaml:1:1  the recipe has nothing to do
      hint: give it pretrain, adapters or compare, or more of them
    ");
    assert_snapshot!(mistakes_below(""), @"
    recipe r.yaml:1:1  the recipe has nothing to do
      hint: give it pretrain, adapters or compare, or more of them
    ");
    assert_snapshot!(mistakes_below("adapters: { defaults: { rank: 8 } }\n"), @"
    recipe r.yaml:1:1  the recipe has nothing to do
      hint: give it pretrain, adapters or compare, or more of them
    ");
}

#[test]
fn names_are_names_of_folders() {
    assert_snapshot!(mistakes("\
name: a/b
base: { builtin: tiny-english }
compare: { tasks: [{ task: choice, data: world }] }
"), @r#"
    recipe r.yaml:1:7  name is "a/b", must be letters from a to z, digits and - _ ., the first a letter or digit, at most 100 of them
      hint: the name is also the name of a folder
    "#);
    assert_snapshot!(mistakes_below("  a.b: { path: x }\nadapters: { _x: { mixture: { chat: 1 } }, base: { mixture: { chat: 1 } } }\n"), @"
    recipe r.yaml:7:3  the name sources.a.b must be letters from a to z, digits and - _, the first a letter or digit, at most 100 of them
      hint: the name is also the name of a folder
    recipe r.yaml:8:13  the name adapters._x must be letters from a to z, digits and - _, the first a letter or digit, at most 100 of them
      hint: the name is also the name of a folder
    recipe r.yaml:8:43  the name adapters.base is taken by the model itself
      hint: the comparison has candidates of that name; choose another
    ");
    assert_snapshot!(mistakes("\
name: ..
base: { builtin: tiny-english }
compare: { tasks: [{ task: choice, data: world }] }
"), @r#"
    recipe r.yaml:1:7  name is "..", must be letters from a to z, digits and - _ ., the first a letter or digit, at most 100 of them
      hint: the name is also the name of a folder
    "#);
}

#[test]
fn the_device_is_one_of_those_known() {
    assert_snapshot!(mistakes_below("\
device: gpu
compare: { tasks: [{ task: choice, data: world }] }
"), @r#"recipe r.yaml:7:9  device is "gpu", must be auto, cpu, cuda or cuda:N"#);
}

#[test]
fn the_base_is_one_model() {
    assert_snapshot!(mistakes_in_base(""), @"
    recipe r.yaml:2:1  base has no model
      hint: give it one of model, builtin and new
    ");
    assert_snapshot!(mistakes_in_base("model: m, builtin: tiny-english"), @"
    recipe r.yaml:2:1  base has more than one of model, builtin and new
      hint: keep the one that is meant
    ");
    assert_snapshot!(mistakes_in_base("model: ''"), @r#"recipe r.yaml:2:16  base.model is "", must be the path of a model folder"#);
    assert_snapshot!(mistakes_in_base("builtin: tiny-latvian"), @r#"
    recipe r.yaml:2:18  base.builtin is "tiny-latvian", must be a model inside the program
      hint: did you mean tiny-estonian?
    "#);
    assert_snapshot!(mistakes_in_base("builtin: llama"), @r#"
    recipe r.yaml:2:18  base.builtin is "llama", must be a model inside the program
      hint: models inside the program: tiny-english, tiny-estonian
    "#);
    assert_snapshot!(mistakes_in_base("dtype: f32"), @"
    recipe r.yaml:2:1  base has no model
      hint: give it one of model, builtin and new
    ");
}

#[test]
fn a_new_model_has_a_shape_that_fits() {
    assert_snapshot!(mistakes_in_base("new: { heads: 3 }, tokenizer: t"), @"
    recipe r.yaml:2:9  base.new.hidden_size is missing
      hint: a small model has hidden_size: 64, layers: 2, heads: 4
    recipe r.yaml:2:9  base.new.layers is missing
      hint: a small model has hidden_size: 64, layers: 2, heads: 4
    ");
    assert_snapshot!(mistakes_in_base("new: { hidden_size: 66, layers: 0, heads: 4, key_value_heads: 3, rope_theta: 0, initializer_range: -1 }, tokenizer: t"), @"
    recipe r.yaml:2:41  base.new.layers is 0, must be from 1 to 16777216
    recipe r.yaml:2:51  base.new.heads is 4, must be a number that divides hidden_size, 66, into even parts
      hint: a head is a width of 64 or 128 in most models
    recipe r.yaml:2:71  base.new.key_value_heads is 3, must be a number that divides heads, 4
    recipe r.yaml:2:86  base.new.rope_theta is 0, must be more than 1
      hint: Llama 2 has 10000
    recipe r.yaml:2:108  base.new.initializer_range is -1, must be more than 0
      hint: Llama 2 has 0.02
    ");
    assert_snapshot!(mistakes("\
name: x
base: { new: { hidden_size: 64, layers: 2, heads: 4, max_position_embeddings: 512 }, tokenizer: t }
sources: { s: { path: s.txt } }
pretrain: { tokens: 1M, mixture: { s: 1 } }
adapters:
  defaults: { sequence_length: 600, mixture: { s: 1 } }
  a: {}
  b: { sequence_length: 512 }
"), @"
    recipe r.yaml:4:1  pretrain.sequence_length is 1024, must be at most 512, the max_position_embeddings of base.new
    recipe r.yaml:6:32  adapters.defaults.sequence_length is 600, must be at most 512, the max_position_embeddings of base.new
    ");
}

#[test]
fn a_tokenizer_goes_with_its_model() {
    assert_snapshot!(mistakes_in_base("new: { hidden_size: 64, layers: 2, heads: 4 }"), @"
    recipe r.yaml:2:1  base.tokenizer is missing
      hint: a new model needs one: a path, or { train: { sources: [NAME], vocabulary: 1024 } }
    ");
    assert_snapshot!(mistakes_in_base("builtin: tiny-english, tokenizer: t"), @"
    recipe r.yaml:2:32  base.tokenizer has no effect: a model inside the program brings its own
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_base("model: m, tokenizer: { train: { sources: [], vocabulary: 100 } }"), @"
    recipe r.yaml:2:19  base.tokenizer.train makes other pieces than base.model was trained with
      hint: take it out, give the path of its tokenizer, or extend that: extend: { source: NAME, tokens: 8K }
    recipe r.yaml:2:41  base.tokenizer.train.sources is missing
      hint: name the sources whose text it learns from
    recipe r.yaml:2:66  base.tokenizer.train.vocabulary is 100, must be from 260 to 16777216
      hint: the 256 bytes and three special pieces are always there; 1024 suits a small model
    ");
    assert_snapshot!(mistakes_in_base("new: { hidden_size: 64, layers: 2, heads: 4 }, tokenizer: {}"), @"
    recipe r.yaml:2:56  base.tokenizer.train is missing
      hint: say train: { sources: [NAME], vocabulary: 1024 }
    ");
    assert_snapshot!(mistakes_in_base("new: { hidden_size: 64, layers: 2, heads: 4 }, tokenizer: { train: {} }"), @"
    recipe r.yaml:2:69  base.tokenizer.train.sources is missing
      hint: name the sources whose text it learns from
    recipe r.yaml:2:69  base.tokenizer.train.vocabulary is missing
      hint: 1024 suits a small model; Llama 2 has 32000
    ");
    assert_snapshot!(mistakes("\
name: x
base: { new: { hidden_size: 64, layers: 2, heads: 4 }, tokenizer: { train: { sources: [wrods], vocabulary: 1K } } }
sources: { words: { path: w } }
pretrain: { tokens: 1M, mixture: { words: 1 } }
"), @r#"
    recipe r.yaml:2:88  base.tokenizer.train.sources.0 is "wrods", must be the name of a source
      hint: did you mean words?
    "#);
}

#[test]
fn a_source_has_one_origin() {
    assert_snapshot!(mistakes_in_source(""), @"
    recipe r.yaml:7:3  sources.s has no rows
      hint: give it a path, a builtin or a hub
    ");
    assert_snapshot!(mistakes_in_source("path: p, builtin: english-text, rows: 5"), @"
    recipe r.yaml:7:3  sources.s has more than one of path, builtin and hub
      hint: keep the one that is meant
    ");
    assert_snapshot!(mistakes_in_source("path: []"), @"recipe r.yaml:7:8  sources.s.path is empty, must be a file, a folder, or a list of them");
    assert_snapshot!(mistakes_in_source("path: ['']"), @"recipe r.yaml:7:8  sources.s.path is empty, must be a file, a folder, or a list of them");
}

#[test]
fn a_data_set_of_the_hub_has_an_owner_and_a_revision_that_is_one() {
    assert_snapshot!(mistakes_in_source("hub: squad"), @r#"
    recipe r.yaml:7:13  sources.s.hub is "squad", must be owner/name of a data set on the Hub
      hint: the owner stands in the address of its page: huggingface.co/datasets/owner/name
    "#);
    assert_snapshot!(mistakes_in_source("hub: a/../b"), @r#"recipe r.yaml:7:13  sources.s.hub is "a/../b", must be owner/name of a data set on the Hub"#);
    assert_snapshot!(mistakes_in_source("hub: a/b, revision: ../x, split: '', rows: 5"), @r#"
    recipe r.yaml:7:28  sources.s.revision is "../x", must be a branch, a tag or a commit
      hint: the default is main
    recipe r.yaml:7:41  sources.s.split is "", must be a name that the data set has
    recipe r.yaml:7:45  sources.s.rows has no effect: it says how many rows a builtin source makes; see limit
      hint: take it out
    "#);
    assert_snapshot!(mistakes_in_source("hub: a/b, template: translation"), @"
    recipe r.yaml:7:3  sources.s.languages is missing
      hint: name the languages of the two sides, such as languages: [English, Estonian]
    ");
}

#[test]
fn a_builtin_source_is_one_of_those_known_and_has_rows() {
    assert_snapshot!(mistakes_in_source("builtin: estonan-text, rows: 5"), @r#"
    recipe r.yaml:7:17  sources.s.builtin is "estonan-text", must be a generator inside the program
      hint: did you mean estonian-text?
    "#);
    assert_snapshot!(mistakes_in_source("builtin: english-text"), @"
    recipe r.yaml:7:3  sources.s.rows is missing
      hint: say how many rows it makes, such as rows: 2000
    ");
    assert_snapshot!(mistakes_in_source("builtin: english-text, rows: 0"), @"recipe r.yaml:7:37  sources.s.rows is 0, must be from 1 to 1000000000");
    assert_snapshot!(mistakes_in_source("builtin: english-text, rows: 5, template: alpaca, text: t"), @"
    recipe r.yaml:7:40  sources.s.template has no effect: english-text brings its own
      hint: take it out
    recipe r.yaml:7:58  sources.s.text has no effect: it names the field of plain rows in a file
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_source("builtin: translation-pairs, rows: 5, languages: [English, Finnish]"), @"
    recipe r.yaml:7:45  sources.s.languages has no effect: translation-pairs are English and Estonian
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_source("builtin: english-finnish-pairs, rows: 5, languages: [English, Estonian]"), @"
    recipe r.yaml:7:49  sources.s.languages has no effect: english-finnish-pairs are English and Finnish
      hint: take it out
    ");
}

#[test]
fn bitext_has_two_files_and_two_languages() {
    assert_snapshot!(mistakes_in_source("path: p, template: translation, languages: [English, Estonian]"), @"
    recipe r.yaml:7:14  sources.s.path is one file, must be two files whose lines belong together, the first language's first
      hint: or name the two fields of its rows: fields: { first: translation.en, second: translation.et }
    ");
    assert_snapshot!(mistakes_in_source("path: [p, q, r], template: translation"), @"
    recipe r.yaml:7:3  sources.s.languages is missing
      hint: name the languages of the two sides, such as languages: [English, Estonian]
    recipe r.yaml:7:8  sources.s.path is 3 files, must be two files whose lines belong together, the first language's first
      hint: or name the two fields of its rows: fields: { first: translation.en, second: translation.et }
    ");
    assert_snapshot!(mistakes_in_source("path: [p, q], template: translation, languages: [English, English]"), @"
    recipe r.yaml:7:45  sources.s.languages is [English, English], must be the names of two languages
      hint: such as [English, Estonian]
    ");
    assert_snapshot!(mistakes_in_source("path: [p, q], template: translation, languages: [English]"), @"
    recipe r.yaml:7:45  sources.s.languages is [English], must be the names of two languages
      hint: such as [English, Estonian]
    ");
}

#[test]
fn fields_are_those_that_the_template_reads() {
    let chat = "path: p, template: alpaca, fields: { instrction: juhis, output: vastus, colour: x, input: a..b }";
    assert_snapshot!(mistakes_in_source(chat), @"
    recipe r.yaml:7:45  unknown key sources.s.fields.instrction
      hint: did you mean instruction?
    recipe r.yaml:7:80  unknown key sources.s.fields.colour
      hint: fields of this template: instruction, input, output, system, weight
    ");
    assert_snapshot!(mistakes_in_source("path: p, text: a, fields: { text: b }"), @"
    recipe r.yaml:7:36  sources.s has text and fields.text
      hint: keep one of them
    ");
    let pairs = "path: p, template: translation, languages: [A, B], fields: { first: translation.en }";
    assert_snapshot!(mistakes_in_source(pairs), @"
    recipe r.yaml:7:59  sources.s.fields.second is missing
      hint: a pair has two fields, such as translation.en
    ");
    assert_snapshot!(mistakes_in_source("path: p, format: josnl, on_bad_row: ignore, documents: lines"), @r#"
    recipe r.yaml:7:25  sources.s.format is "josnl", must be json, jsonl, csv, tsv, text, parquet or arrow
      hint: did you mean jsonl?
    recipe r.yaml:7:44  sources.s.on_bad_row is "ignore", must be error or skip
    recipe r.yaml:7:63  sources.s.documents is "lines", must be line, file or blank-line
      hint: did you mean line?
    "#);
}

#[test]
fn a_key_of_a_source_that_means_nothing_is_a_mistake() {
    assert_snapshot!(mistakes_in_source("path: p, format: jsonl, documents: line, header: false, quotes: false"), @"
    recipe r.yaml:7:32  sources.s.documents has no effect: it says what a document of a plain text file is
      hint: take it out
    recipe r.yaml:7:49  sources.s.header has no effect: only csv and tsv files have it
      hint: take it out
    recipe r.yaml:7:64  sources.s.quotes has no effect: only csv and tsv files have it
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_source("builtin: english-text, rows: 5, fields: { text: t }, on_bad_row: skip"), @"
    recipe r.yaml:7:40  sources.s.fields has no effect: it says how files are read
      hint: take it out
    recipe r.yaml:7:61  sources.s.on_bad_row has no effect: it says how files are read
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_source("path: p, languages: [English, Estonian], rows: 5, subset: et, split: train, limit: 0"), @"
    recipe r.yaml:7:17  sources.s.languages has no effect: only template: translation has two languages
      hint: take it out
    recipe r.yaml:7:49  sources.s.rows has no effect: it says how many rows a builtin source makes; see limit
      hint: take it out
    recipe r.yaml:7:58  sources.s.subset has no effect: it is a part of a data set on the Hub
      hint: take it out
    recipe r.yaml:7:70  sources.s.split has no effect: it is a part of a data set on the Hub
      hint: take it out
    recipe r.yaml:7:91  sources.s.limit is 0, must be at least 1
    ");
    assert_snapshot!(mistakes_in_source("path: p, template: alpaca, text: t"), @"
    recipe r.yaml:7:35  sources.s.text has no effect: it names the field of plain rows in a file
      hint: take it out
    ");
}
