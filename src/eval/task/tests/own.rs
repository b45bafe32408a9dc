//! Tasks with rows, prompts and a way of reading of their own.

use super::super::super::example::Asks;
use super::*;
use crate::eval::writing::Answers;
use crate::recipe::{PromptWords, ReadAnswer};

fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    files::write(&path, text).unwrap();
    path
}

fn row(parts: &[(&str, &str)]) -> Vec<(String, String)> {
    parts.iter().map(|(part, text)| ((*part).to_owned(), (*text).to_owned())).collect()
}

fn quiz(path: PathBuf) -> TaskSettings {
    let words = |instruction: &str, system: Option<&str>| PromptWords {
        system: system.map(str::to_owned),
        instruction: instruction.to_owned(),
        input: Some("{{ context }} {{ question }}{% if options %}\n{{ options }}{% endif %}".to_owned()),
    };
    TaskSettings {
        row: row(&[
            ("context", "passage"),
            ("question", "question ~ '?'"),
            ("choices", "[a, b, c]"),
            ("right", "answer | int - 1"),
        ]),
        prompts: vec![
            ("English".into(), words("Answer, {{ language }}.", None)),
            ("Estonian".into(), words("Vasta teemal {{ topic }}.", Some("Oled mängija."))),
        ],
        ..settings(TaskKind::Choice, path)
    }
}

const QUIZ: &str = "passage,question,a,b,c,answer,topic\n\"Kass, koer.\",Kes,kass,koer,\"kala, suur\",3,loomad\n\
                    Ilm on soe.,Mis,soe,külm,tuul,1,ilm\n";

#[test]
fn rows_of_a_table_become_examples_and_prompts_name_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    let settings = quiz(written(&folder, "quiz.csv", QUIZ));
    let task = Task::load(&settings, &compare(vec![], None), 1).unwrap();
    let examples: Vec<&Example> = task.examples().collect();
    let expected = Example::Choice {
        premise: "Kass, koer.".into(),
        asks: Asks::Question("Kes?".into()),
        choices: vec!["kass".into(), "koer".into(), "kala, suur".into()],
        right: 2,
    };
    assert_eq!(*examples[0], expected);
    let turns = &task.items[0].question.turns;
    assert_eq!((turns[0].text.as_str(), turns[1].text.as_str()), ("Oled mängija.", "Vasta teemal loomad."));
    assert_eq!(turns[1].input, "Kass, koer. Kes?", "choices are not shown where their likelihood decides");
    let letters = TaskSettings { choose: Choose::Letter, ..settings.clone() };
    let task = Task::load(&letters, &compare(vec![], None), 1).unwrap();
    assert_eq!(task.items[0].question.turns[1].input, "Kass, koer. Kes?\nA. kass\nB. koer\nC. kala, suur");
    assert_eq!(task.metrics(), [Metric::AccuracyWritten, Metric::Readable]);
    let finnish = TaskSettings {
        data: TaskData::File { paths: vec![written(&folder, "q.csv", QUIZ)], language: "Finnish".into() },
        ..settings
    };
    let task = Task::load(&finnish, &compare(vec![], None), 1).unwrap();
    assert_eq!(task.items[0].question.turns[0].text, "Answer, Finnish.", "the first prompt serves other languages");
}

#[test]
fn what_a_row_lacks_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let error = |change: &dyn Fn(&mut TaskSettings), text: &str| {
        let mut settings = quiz(written(&folder, "quiz.csv", text));
        change(&mut settings);
        Task::load(&settings, &compare(vec![], None), 1).unwrap_err().to_string()
    };
    let found = error(&|_| {}, "passage,question,a,b,c,topic\nx,y,1,2,3,t\n");
    assert!(found.contains("quiz.csv:2") && found.contains("right"), "{found}");
    let found = error(&|_| {}, &QUIZ.replace(",1,ilm", ",7,ilm"));
    assert!(found.contains("quiz.csv:3") && found.contains("right is 6, must be a number from 0 to 2"), "{found}");
    let found = error(&|it| it.prompts[1].1.instruction = "{{ teema }}".into(), QUIZ);
    assert!(found.contains("example 0") && found.contains("undefined"), "{found}");
    let found = error(&|it| it.row[3].1 = "answer |".into(), QUIZ);
    assert!(found.contains("the task's row: right: answer |"), "{found}");
    let found = error(&|_| {}, "passage,question\n\"x");
    assert!(found.contains("quiz.csv"), "{found}");
}

#[test]
fn the_answer_is_what_the_task_says_it_is() {
    let example = Example::Answer { context: String::new(), question: "2+3".into(), references: vec!["5".into()] };
    let read = |read: ReadAnswer, text: &str| Answers::new(&read).unwrap().of(text, &example, Choose::Likelihood);
    let pattern = ReadAnswer::Pattern("Vastus: *(\\d+)".into());
    assert_eq!(
        read(pattern.clone(), "Mõtlen.\nVastus: 5 kassi"),
        ("Mõtlen.\nVastus: 5 kassi".into(), Some("5".into()))
    );
    assert_eq!(read(pattern, "ei tea"), ("ei tea".into(), Some(String::new())));
    assert_eq!(read(ReadAnswer::Line, "\n 5 \nja"), ("5".into(), None));
    assert_eq!(read(ReadAnswer::All, " 5\nja "), ("5\nja".into(), None));
    let choice = Example::Choice {
        premise: String::new(),
        asks: Asks::Question(String::new()),
        choices: vec!["kass".into(), "koer".into()],
        right: 1,
    };
    let letter = Answers::All.of("Õige on B.", &choice, Choose::Letter);
    assert_eq!(letter, ("Õige on B.".into(), Some("koer".into())));
    assert_eq!(Answers::All.of("ei tea", &choice, Choose::Letter).1.as_deref(), Some(""));
}

#[test]
fn a_limit_takes_whole_conversations() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..6)
        .map(|n| format!("{{\"turns\": [\"esimene {n}\", \"teine {n}\"], \"reference\": [\"\", \"hea\"]}}\n"))
        .collect();
    let settings = settings(TaskKind::Conversation, written(&folder, "talk.jsonl", &rows));
    let task = Task::load(&settings, &compare(vec![], Some(2)), 1).unwrap();
    let turns: Vec<(usize, String, Vec<String>)> = task
        .examples()
        .map(|example| match example {
            Example::Turn { number, question, references } => (*number, question.clone(), references.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(turns.len(), 4);
    for pair in turns.chunks(2) {
        assert_eq!((pair[0].0, pair[1].0), (0, 1));
        assert_eq!(pair[0].1.replace("esimene", "teine"), pair[1].1);
        assert_eq!((pair[0].2.len(), pair[1].2.as_slice()), (0, &["hea".to_owned()][..]));
    }
}
