//! Adapters of PEFT's first releases, whose factors are a pickle.

use std::path::Path;

use candle_core::DType;

use super::super::{Adapter, CONFIG_FILE, WEIGHTS_FILE};
use super::model_of;
use crate::files;

/// Written by PyTorch: `tests/golden/make_pickled.py`.
const PICKLE: &[u8] = include_bytes!("../../../tests/golden/adapter_model.bin");

const CONFIG: &str =
    r#"{ "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM" }"#;

fn load(folder: &Path, pickle: &[u8]) -> Result<Adapter, String> {
    files::write(&folder.join(CONFIG_FILE), CONFIG).unwrap();
    files::write(&folder.join("adapter_model.bin"), pickle).unwrap();
    Adapter::load(folder).map_err(|error| error.to_string())
}

#[test]
fn a_pickle_of_four_dtypes_and_layouts_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = load(folder.path(), PICKLE).unwrap();
    adapter.check_fits(&model_of(true, DType::F32)).unwrap();
    for (layer, pair) in ["0", "1"].iter().zip(adapter.modules.values()) {
        for (side, factor) in [&pair.a, &pair.b].into_iter().enumerate() {
            let tensor = 2 * layer.parse::<i32>().unwrap() + side as i32;
            let expected: Vec<f32> = (0..64).map(|k| (k % 50 - 20 + tensor) as f32 / 64.0).collect();
            assert_eq!(
                factor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                expected,
                "layer {layer}, factor {side}"
            );
        }
    }
    adapter.save(&folder.path().join("again")).unwrap();
    assert!(folder.path().join("again").join(WEIGHTS_FILE).exists());
}

#[test]
fn a_broken_pickle_is_an_error_wherever_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    for end in (0..PICKLE.len()).step_by(61) {
        let error = load(folder.path(), &PICKLE[..end]).unwrap_err();
        assert!(error.contains("adapter_model.bin"), "{error}");
    }
    // What a changed byte means is the file's own affair; that it ends well is not.
    for at in (0..PICKLE.len()).step_by(7) {
        let mut bytes = PICKLE.to_vec();
        bytes[at] ^= 0x41;
        let _ = load(folder.path(), &bytes);
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let error = load(folder.path(), pointer).unwrap_err();
    assert!(error.contains("git lfs pull"), "{error}");
}
