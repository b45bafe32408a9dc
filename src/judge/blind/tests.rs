//! Which pairs a page shows, and what its text gives away.

use proptest::prelude::*;

use super::super::material::{Answer, Question, TaskMaterial};
use super::*;

/// Each candidate answers in words of its own, but for every fourth question, where the first two say the same.
fn material(candidates: usize, questions: usize) -> Material {
    let answer = |question: usize, candidate: usize| {
        let who = if question.is_multiple_of(4) && candidate == 1 { 0 } else { candidate };
        Some(Answer { text: format!("vastus {question} </script> {}", who * 7 + 3), scores: BTreeMap::new() })
    };
    let question = |number: usize| Question {
        number,
        text: format!("Küsimus {number}?"),
        reference: String::new(),
        answers: (0..candidates).map(|candidate| answer(number, candidate)).collect(),
    };
    Material {
        candidates: (0..candidates).map(|number| format!("kandidaat-{number}")).collect(),
        tasks: vec![TaskMaterial {
            name: "answer Estonian, x".into(),
            file: "answer-estonian-x".into(),
            kind: "answer",
            questions: (0..questions).map(question).collect(),
            metrics: Vec::new(),
        }],
        seed: 1,
    }
}

fn options(pairs: usize, seed: u64) -> BlindOptions {
    BlindOptions { candidates: Vec::new(), tasks: Vec::new(), pairs, seed }
}

#[test]
fn the_page_has_no_name_of_a_candidate_and_no_answer_ends_its_script() {
    let material = material(4, 12);
    let chosen = choose(&material, &[0], &[0, 1, 2, 3], &options(30, 5));
    let ids: Vec<String> = chosen.iter().map(|of| shown(&material, "secret", *of).unwrap().id).collect();
    let html = html(&material, "p", &chosen, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(html.matches("kandidaat").count(), 0);
    assert_eq!(html.matches("</script>").count(), 2, "two scripts, and none ends early");
    assert_eq!(html.matches("http").count(), 1, "only http-equiv: nothing is fetched");
    let other: Vec<String> = chosen.iter().map(|of| shown(&material, "another", *of).unwrap().id).collect();
    assert!(ids.iter().all(|id| !other.contains(id)), "names follow from the secret");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

proptest! {
    #[test]
    fn every_pair_is_shown_about_as_often_and_on_either_side(seed in 0u64..1000, candidates in 2usize..6, wanted in 1usize..80) {
        let material = material(candidates, 40);
        let all: Vec<usize> = (0..candidates).collect();
        let chosen = choose(&material, &[0], &all, &options(wanted, seed));
        let possible = 40 * candidates * (candidates - 1) / 2 - 10;
        prop_assert_eq!(chosen.len(), wanted.min(possible));
        let mut times: BTreeMap<(usize, usize), (i64, i64)> = BTreeMap::new();
        let mut seen = HashSet::new();
        for of in &chosen {
            let pair = (of.left.min(of.right), of.left.max(of.right));
            prop_assert!(seen.insert((of.question, pair)), "a pair is shown twice");
            prop_assert!(!(pair == (0, 1) && of.question.is_multiple_of(4)), "equal answers are shown");
            let entry = times.entry(pair).or_default();
            if of.left < of.right { entry.0 += 1 } else { entry.1 += 1 }
        }
        let totals: Vec<i64> = times.values().map(|(left, right)| left + right).collect();
        if wanted <= 40 {
            prop_assert!(totals.iter().max().unwrap() - totals.iter().min().unwrap() <= 1 + i64::from(candidates > 2));
        }
        prop_assert!(times.values().all(|(left, right)| (left - right).abs() <= 1));
        prop_assert_eq!(choose(&material, &[0], &all, &options(wanted, seed)), chosen);
    }
}
