//! The file of tokens.

use super::*;

#[test]
fn the_cache_is_kept_while_it_matches_and_rebuilt_when_it_does_not() {
    let mut fixture = Fixture::new().questions("q", &[3; 50]);
    let mut training = training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    let steps = all_steps(&fixture.open(&training).unwrap());
    let path = fixture.cache().join("q.plain.tokens");
    let stamp = || std::fs::metadata(&path).unwrap().modified().unwrap();
    let (bytes, first) = (std::fs::read(&path).unwrap(), stamp());
    training.sequence_length = 40;
    fixture.open(&training).unwrap();
    assert_eq!(stamp(), first, "what does not change the tokens does not rebuild the file");
    training.sequence_length = 32;
    for at in [0, 9, 42, 60, 70, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(all_steps(&fixture.open(&training).unwrap()), steps, "byte {at}");
        assert!(std::fs::read(&path).unwrap() == bytes);
    }
    for end in [0, 10, 64, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        assert_eq!(all_steps(&fixture.open(&training).unwrap()), steps, "cut at {end}");
    }
    let open = fixture.open(&training).unwrap();
    let text = std::fs::read_to_string(fixture.folder.path().join("q.jsonl")).unwrap();
    std::fs::write(fixture.folder.path().join("q.jsonl"), text.replace("777", "888")).unwrap();
    assert_ne!(all_steps(&fixture.open(&training).unwrap()), steps);
    assert_eq!(all_steps(&open), steps, "a run that has the old file open goes on with it");
    fixture.tokenizer = Tokenizer::train(["0123456789 ab ab tere tere hästi"; 3], 290).unwrap();
    let other = fixture.open(&training).unwrap();
    assert_eq!(all_steps(&other).len(), steps.len());
    assert!(std::fs::read(&path).unwrap() != bytes);
}
