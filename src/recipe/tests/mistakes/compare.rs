//! Mistakes in the comparison and in what is published.

use insta::assert_snapshot;

use super::super::*;

#[test]
fn a_comparison_has_tasks() {
    assert_snapshot!(mistakes_below("compare: {}\n"), @"
    recipe r.yaml:7:1  compare.tasks is missing
      hint: such as tasks: [{ task: choice, data: world }]
    ");
    assert_snapshot!(mistakes_below("compare: { tasks: [] }\n"), @"
    recipe r.yaml:7:12  compare.tasks is empty, must be a list of tasks
      hint: such as [{ task: choice, data: world }]
    ");
    assert_snapshot!(mistakes_in_task(""), @"
    recipe r.yaml:7:20  compare.tasks.0.task is missing
      hint: one of translation, choice, answer, correction, perplexity and conversation
    ");
}

#[test]
fn a_task_has_data_and_a_translation_two_languages() {
    assert_snapshot!(mistakes_in_task("task: answer"), @"
    recipe r.yaml:7:20  compare.tasks.0.data is missing
      hint: world, or the path of a file with the examples
    ");
    assert_snapshot!(mistakes_in_task("task: translation, data: [a, b]"), @"
    recipe r.yaml:7:20  compare.tasks.0.from is missing
      hint: name the language in English, such as from: English, to: Estonian
    recipe r.yaml:7:20  compare.tasks.0.to is missing
      hint: name the language in English, such as from: English, to: Estonian
    ");
    assert_snapshot!(mistakes_in_task("task: translation, data: a, from: English, to: English"), @"recipe r.yaml:7:69  compare.tasks.0.to is English, must be another language than from");
    assert_snapshot!(mistakes_in_task("task: translation, data: [a, b, c], from: English, to: Finnish"), @"recipe r.yaml:7:41  compare.tasks.0.data is 3 files, must be one file, or two: the sentences given and the sentences wanted");
    assert_snapshot!(mistakes_in_task("task: answer, data: []"), @"recipe r.yaml:7:36  compare.tasks.0.data is empty, must be world, a file, or a list of files");
}

#[test]
fn the_world_has_three_languages() {
    assert_snapshot!(mistakes_in_task("task: translation, data: world, from: English, to: Latvian"), @"
    recipe r.yaml:7:73  compare.tasks.0.to is Latvian, must be English, Estonian or Finnish with data: world
      hint: the world inside the program has no other language
    ");
    assert_snapshot!(mistakes_in_task("task: translation, data: world, from: Estonian, to: Finnish"), @"
    recipe r.yaml:7:60  compare.tasks.0.from is Estonian, must be English, or to: English, with data: world
      hint: the world inside the program has no pairs of other languages
    ");
    assert_snapshot!(mistakes_in_task("task: choice, data: world, language: Võro"), @"
    recipe r.yaml:7:59  compare.tasks.0.language is Võro, must be English, Estonian or Finnish with data: world
      hint: the world inside the program has no other language
    ");
}

#[test]
fn a_key_of_a_task_that_means_nothing_is_a_mistake() {
    assert_snapshot!(mistakes_in_task("task: choice, data: a, from: English, to: Estonian, max_new_tokens: 5"), @"
    recipe r.yaml:7:45  compare.tasks.0.from has no effect: only a translation has two languages; see language
      hint: take it out
    recipe r.yaml:7:60  compare.tasks.0.to has no effect: only a translation has two languages; see language
      hint: take it out
    recipe r.yaml:7:74  compare.tasks.0.max_new_tokens has no effect: the task is scored without writing an answer
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_task("task: translation, data: a, from: English, to: Estonian, language: Estonian"), @"
    recipe r.yaml:7:79  compare.tasks.0.language has no effect: a translation has from and to
      hint: take it out
    ");
}

#[test]
fn options_of_bleu_that_do_not_fit_are_mistakes() {
    assert_snapshot!(mistakes_in_task("task: choice, data: a, metric: { ter: true }"), @"
    recipe r.yaml:7:45  compare.tasks.0.metric has no effect: only translations can be scored in several ways
      hint: take it out
    ");
    let translation = "task: translation, data: a, from: English, to: Estonian";
    assert_snapshot!(mistakes_in_task(&format!("{translation}, metric: {{ bleu: {{ tokenize: intl, model: m }} }}")), @"
    recipe r.yaml:7:113  compare.tasks.0.metric.bleu.model has no effect: only tokenize: flores200 needs a model
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_task(&format!("{translation}, metric: {{ bleu: {{ tokenize: flores200 }} }}")), @"
    recipe r.yaml:7:89  compare.tasks.0.metric.bleu.model is missing
      hint: the path of flores200's SentencePiece model, https://tinyurl.com/flores200sacrebleuspm
    ");
}

#[test]
fn counts_of_a_comparison_are_in_range() {
    assert_snapshot!(mistakes_in_task("task: answer, data: a, max_new_tokens: 0"), @"recipe r.yaml:7:61  compare.tasks.0.max_new_tokens is 0, must be from 1 to 1048576");
    assert_snapshot!(mistakes_below("compare: { batch: 0, limit: 0, tasks: [{ task: choice, data: world }] }\n"), @"
    recipe r.yaml:7:19  compare.batch is 0, must be from 1 to 65536
    recipe r.yaml:7:29  compare.limit is 0, must be at least 1
    ");
}

#[test]
fn a_task_is_asked_once() {
    assert_snapshot!(mistakes_below("compare: { tasks: [{ task: choice, data: world }, { task: choice, data: world, language: English }, { task: choice, data: world, language: Estonian }] }\n"), @"
    recipe r.yaml:7:101  compare.tasks.2 is the same as compare.tasks.0
      hint: take one of them out
    ");
}

#[test]
fn every_candidate_is_asked_in_the_same_words() {
    assert_snapshot!(mistakes_below("\
adapters:
  defaults: { mixture: { chat: 1 } }
  a: {}
  b: { template: alpaca }
compare: { tasks: [{ task: choice, data: world }] }
"), @"
    recipe r.yaml:11:1  compare.template is missing
      hint: the adapters have different ones; every candidate is asked in the same words
    ");
}

#[test]
fn what_is_published_is_there_and_goes_somewhere() {
    assert_snapshot!(mistakes_below("\
adapters: { a: { mixture: { chat: 1 } } }
publish: { adapters: [b] }
"), @r#"
    recipe r.yaml:8:1  publish.to is missing
      hint: name the user or the organisation on the Hub
    recipe r.yaml:8:23  publish.adapters.0 is "b", must be the name of an adapter
      hint: known names: a
    "#);
    assert_snapshot!(mistakes_below("\
adapters: { a: { mixture: { chat: 1 } } }
publish: { to: me/a }
"), @r#"
    recipe r.yaml:8:16  publish.to is "me/a", must be the name of a user or an organisation
      hint: each adapter becomes a repository of its own there
    "#);
}
