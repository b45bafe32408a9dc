//! Tasks over the rows that a study keeps out of training.

use super::*;

/// Pretraining keeps a share of two sources out; an adapter reads one of them and a third.
fn recipe_with(adapter: &str, tasks: &str) -> Result<Recipe> {
    let text = format!(
        "name: kept\nbase: {{ builtin: tiny-english }}\nsources:\n  estonian: {{ builtin: estonian-text, rows: 100 }}\n  \
         english: {{ builtin: english-text, rows: 100 }}\n  juhised: {{ builtin: estonian-instructions, rows: 100 }}\n\
         pretrain: {{ tokens: 1K, batch: 1, sequence_length: 32, held_out: 0.1, mixture: {{ estonian: 1, english: 1 }} }}\n\
         adapters: {{ one: {{ tokens: 1K, batch: 1, sequence_length: 32{adapter} }} }}\ncompare: {{ tasks: [{tasks}] }}\n"
    );
    Recipe::parse(&text, "kept.yaml", &[])
}

fn sources(recipe: &Recipe) -> Vec<&str> {
    let tasks = recipe.study.compare.iter().flat_map(|compare| &compare.tasks);
    tasks
        .map(|task| match &task.data {
            TaskData::HeldOut { source } => source.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn held_out_asks_each_source_of_which_every_stage_keeps_rows_out() {
    let instructions = ", mixture: { juhised: 1 }";
    let recipe = recipe_with(instructions, "{ task: held-out }").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sources(&recipe), ["estonian", "english"]);
    assert_eq!(["estonian", "english", "juhised"].map(|name| recipe.study.held_out(name)), [0.1, 0.1, 0.0]);
    let again = Recipe::parse(&recipe.resolved_yaml().unwrap(), "again.yaml", &[]).unwrap();
    assert_eq!(again.study, recipe.study);

    // A larger share of the adapter's leaves the smaller one that no stage reads.
    let both = ", held_out: 0.2, mixture: { juhised: 1, english: 1 }";
    let recipe = recipe_with(both, "{ task: perplexity, data: held-out }").unwrap();
    assert_eq!(sources(&recipe), ["estonian", "english", "juhised"]);
    assert_eq!(["english", "juhised"].map(|name| recipe.study.held_out(name)), [0.1, 0.2]);

    let recipe = recipe_with(instructions, "{ task: held-out, source: english }").unwrap();
    assert_eq!(sources(&recipe), ["english"]);
}

#[test]
fn rows_that_a_stage_trains_on_are_not_held_out() {
    let all_of_english = ", mixture: { english: 1 }";
    let recipe = recipe_with(all_of_english, "{ task: held-out }").unwrap();
    assert_eq!(sources(&recipe), ["estonian"]);
    let wrong = |task: &str| recipe_with(all_of_english, task).map(|_| ()).unwrap_err().to_string();
    let tasks = [
        "{ task: held-out, source: english }",
        "{ task: held-out, source: juhised }",
        "{ task: held-out, source: inglise }",
        "{ task: choice, data: held-out }",
        "{ task: perplexity, data: world, source: english }",
        "{ task: held-out }, { task: held-out, source: estonian }",
    ];
    let nothing = recipe_with(", mixture: { english: 1, estonian: 1 }", "{ task: held-out }").map(|_| ()).unwrap_err();
    let errors: Vec<String> = tasks.into_iter().map(wrong).chain([nothing.to_string()]).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    recipe kept.yaml:9:46  compare.tasks.0.source is english, which is trained on whole by adapters.one, must be a source of which every stage keeps rows out
      hint: set held_out where all is trained on
    recipe kept.yaml:9:46  compare.tasks.0.source is juhised, which no stage trains on, must be a source of which every stage keeps rows out
      hint: set held_out where all is trained on
    recipe kept.yaml:9:46  compare.tasks.0.source is "inglise", must be the name of a source
      hint: did you mean english?
    recipe kept.yaml:9:42  compare.tasks.0.data is held-out, must be world or a file, for this kind of task
      hint: rows that were kept out of training are texts to predict: task: perplexity
    recipe kept.yaml:9:53  compare.tasks.0.source has no effect: only data: held-out has a source
      hint: take it out
    recipe kept.yaml:9:40  compare.tasks.1 is the same as compare.tasks.0
      hint: take one of them out
    task tasks/held-out.yaml:5:7  compare.tasks.0.data: no source has rows that are kept out of training
      hint: held_out: 0.01, in pretrain and in each adapter that trains on the source, keeps one in a hundred out
    "#);
}
