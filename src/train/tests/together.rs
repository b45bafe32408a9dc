//! Several jobs at a time, against the same jobs alone.

use super::*;
use crate::train::together::run_together;

/// Jobs that differ in everything that jobs on one base can differ in.
fn places() -> Vec<Place> {
    let mut places: Vec<Place> = (0..3).map(|_| Place { snapshots: Vec::new(), ..Place::new() }).collect();
    places[1].training.optimizer.learning_rate = 3e-2;
    places[1].training.optimizer.clip = None;
    places[1].training.micro_batch = 4;
    places[1].data = Made::new(7);
    places[2].training.batch = 1;
    places[2].training.evaluate_every = 0;
    places
}

/// Trains them at a time from where they stand.
fn start(places: &[Place], stop_after: Option<u64>) -> Result<(Vec<Outcome>, Vec<Parameters>)> {
    let base = model(DType::F32);
    let mut models = Vec::new();
    for _ in places {
        let mut model = base.clone();
        let parameters = attach(&mut model);
        models.push((model, parameters));
    }
    let asked = Cell::new(0);
    let stop = || stop_after == Some(asked.replace(asked.get() + 1));
    let outcomes = with_jobs(places, Vec::new(), &mut |jobs| {
        let all = models.iter().zip(jobs).map(|((model, parameters), job)| (model, parameters, *job));
        run_together(&all.collect::<Vec<_>>(), &stop, Progress::silent())
    })?;
    Ok((outcomes, models.into_iter().map(|(_, parameters)| parameters).collect()))
}

/// All jobs at once: each lives as long as the call inside of it.
fn with_jobs<R>(places: &[Place], jobs: Vec<&Job<'_>>, act: &mut dyn FnMut(&[&Job<'_>]) -> R) -> R {
    match places.split_first() {
        None => act(&jobs),
        Some((place, rest)) => place.with_job(|job| {
            let mut jobs = jobs.clone();
            jobs.push(job);
            with_jobs(rest, jobs, act)
        }),
    }
}

fn close(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(1e-2))
}

#[test]
fn jobs_at_a_time_end_as_they_do_alone() {
    let (together, alone) = (places(), places());
    let (outcomes, parameters) = start(&together, None).unwrap();
    for (number, place) in alone.iter().enumerate() {
        let (outcome, own) = place.start(None).unwrap();
        let (Outcome::Done(alone), Outcome::Done(summary)) = (outcome, &outcomes[number]) else { panic!("{number}") };
        assert_eq!((alone.step, alone.tokens), (summary.step, summary.tokens));
        assert!(close(&values(&own), &values(&parameters[number])), "the parameters of job {number}");
        let logs = place.log().into_iter().zip(together[number].log());
        for (one, other) in logs {
            assert_eq!((one.0, one.1, one.4), (other.0, other.1, other.4));
            assert!((one.2 - other.2).abs() < 1e-5 && (one.3 - other.3).abs() < 1e-4, "{one:?} {other:?}");
            assert_eq!(one.5.is_some(), other.5.is_some());
        }
        assert_eq!(place.log().len(), together[number].log().len());
    }
}

#[test]
fn jobs_at_a_time_go_on_after_a_stop_and_each_may_go_on_alone() {
    let whole = places();
    start(&whole, None).unwrap();
    let parts = places();
    let (outcomes, _) = start(&parts, Some(4)).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Interrupted(summary) if summary.step == 4)));
    // The second one alone, then the others.
    let (Outcome::Done(summary), _) = parts[1].start(None).unwrap() else { panic!() };
    assert_eq!((summary.step, summary.resumed_from), (7, 4));
    let (outcomes, parameters) = start(&parts, None).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done(_))));
    let (_, again) = start(&whole, None).unwrap();
    for (number, (one, other)) in parameters.iter().zip(&again).enumerate() {
        assert!(close(&values(one), &values(other)), "{number}");
    }
}
