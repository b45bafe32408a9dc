//! What holds of metrics whatever the texts.

use proptest::prelude::*;

use super::{Bleu, Chrf, Example, Ter, Variant};
use crate::eval::{Language, edits, matching};

const EVERY: [&str; 8] =
    ["bleu", "bleu intl", "bleu char lc", "chrf", "chrf++", "chrf++ eps space", "ter", "ter normalized"];

fn sum(rows: &[Vec<f64>]) -> Vec<f64> {
    (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at]).sum()).collect()
}

proptest! {
    #[test]
    fn a_text_equal_to_its_reference_scores_100(text in "[a-zõäöü.,!?0-9 „“-]{1,60}") {
        let example: Example = (text.clone(), vec![text.clone()]);
        for name in EVERY {
            let metric = Variant::named(name);
            let row = metric.row(&example);
            let is_empty = row.iter().all(|count| *count == 0.0);
            let score = metric.sentence_score(&row);
            match metric {
                Variant::Ter(_) => prop_assert_eq!(score, 0.0),
                // Smoothing averages over orders that a short text does not have.
                Variant::Chrf(chrf) if chrf.smoothing => prop_assert!(score <= 100.0 + 1e-9),
                _ if is_empty => prop_assert_eq!(score, 0.0),
                _ => prop_assert!((score - 100.0).abs() < 1e-9, "{name}: {score}"),
            }
        }
        prop_assert_eq!(matching::f1(&text, &example.1, &Language::Estonian), 1.0);
        prop_assert_eq!(matching::exact_match(&text, &example.1, &Language::English), 1.0);
    }

    #[test]
    fn every_score_stays_in_its_range_and_counts_agree(answer in "\\PC{0,40}", reference in "\\PC{0,40}", source in "\\PC{0,40}") {
        let references = [reference.clone()];
        let example: Example = (answer.clone(), references.to_vec());
        for name in EVERY {
            let metric = Variant::named(name);
            let row = metric.row(&example);
            let score = metric.score(&row);
            match metric {
                Variant::Bleu(_) => {
                    prop_assert!((0.0..=100.0 + 1e-9).contains(&score));
                    prop_assert!((0..4).all(|n| row[2 + n] <= row[6 + n]), "no more n-grams are right than there are");
                }
                Variant::Chrf(_) => {
                    prop_assert!((0.0..=100.0 + 1e-9).contains(&score));
                    prop_assert!(row.chunks(3).all(|counts| counts[2] <= counts[0].min(counts[1])));
                }
                // No more edits than replacing all, and adding or removing the rest.
                Variant::Ter(_) => prop_assert!(score >= 0.0 && row[0] <= row[1].max(answer.len() as f64)),
            }
        }
        for language in [Language::English, Language::Estonian] {
            let f1 = matching::f1(&answer, &references, &language);
            prop_assert!((0.0..=1.0).contains(&f1));
            prop_assert!(matching::exact_match(&answer, &references, &language) <= f1);
            let back = matching::f1(&reference, std::slice::from_ref(&answer), &language);
            prop_assert!((f1 - back).abs() < 1e-12, "F1 does not depend on which side is the reference");
        }
        let [both, proposed, wanted] = edits::statistics(&source, &answer, &references);
        prop_assert!(both <= proposed.min(wanted));
        let [all, same, _] = edits::statistics(&source, &reference, &references);
        prop_assert_eq!(all, same);
    }

    #[test]
    fn more_references_never_lower_a_score(answer in "[a-d ]{1,30}", first in "[a-d ]{1,30}", second in "[a-d ]{1,30}") {
        let one = [first.clone()];
        let two = [first, second];
        let chrf = Chrf::plus_plus();
        prop_assert!(chrf.score(&chrf.statistics(&answer, &two)) >= chrf.score(&chrf.statistics(&answer, &one)));
        prop_assert!(matching::f1(&answer, &two, &Language::Estonian) >= matching::f1(&answer, &one, &Language::Estonian));
        let bleu = Bleu::default();
        let (a, b) = (bleu.statistics(&answer, &one), bleu.statistics(&answer, &two));
        prop_assert!((2..6).all(|n| b[n] >= a[n]));
        // The mean length may fall and the rate with it rise; the edits never do.
        let ter = Ter::default();
        prop_assert!(ter.statistics(&answer, &two)[0] <= ter.statistics(&answer, &one)[0]);
    }

    #[test]
    fn the_order_of_segments_does_not_change_a_corpus_score(
        segments in prop::collection::vec(("[a-c .]{0,20}", "[a-c .]{0,20}"), 1..8),
    ) {
        let segments: Vec<Example> = segments.into_iter().map(|(answer, reference)| (answer, vec![reference])).collect();
        for name in EVERY {
            let metric = Variant::named(name);
            let mut rows: Vec<Vec<f64>> = segments.iter().map(|segment| metric.row(segment)).collect();
            let before = metric.score(&sum(&rows));
            rows.reverse();
            prop_assert_eq!(metric.score(&sum(&rows)), before);
        }
    }

    #[test]
    fn edits_of_ter_are_never_more_than_without_shifts(answer in "[a-e ]{0,40}", reference in "[a-e ]{1,40}") {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
        let (of_answer, of_reference) = (words(&answer), words(&reference));
        let mut costs: Vec<usize> = (0..=of_reference.len()).collect();
        for (i, word) in of_answer.iter().enumerate() {
            let mut left = i + 1;
            let above = std::mem::replace(&mut costs, vec![left]);
            for (j, other) in of_reference.iter().enumerate() {
                left = (above[j] + usize::from(word != other)).min(above[j + 1] + 1).min(left + 1);
                costs.push(left);
            }
        }
        let [edits, length] = Ter::default().statistics(&answer, &[reference]);
        prop_assert!(edits <= costs[of_reference.len()] as f64);
        prop_assert_eq!(length, of_reference.len() as f64);
    }
}
