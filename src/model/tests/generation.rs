//! Generated texts against the logits of the whole text computed again.

use candle_core::{DType, Device};
use serde_json::Value;

use super::small::{attach_dora, attach_lora, attach_scales, config, model, noise};
use crate::error::{Kind, Result};
use crate::files;
use crate::model::{Llama, Prompt, Sampling, Segments, Weight};

fn prompts() -> Vec<Vec<u32>> {
    vec![vec![1, 5, 9], vec![7], vec![3, 3, 4, 5, 6, 30, 31], vec![8, 2], vec![36; 31], vec![10; 32]]
}

/// The most likely next token, by the forward pass over the whole text.
fn next(model: &Llama, text: &[u32]) -> Result<u32> {
    let row = model.logits(text, &Segments::one(text.len()))?.get(text.len() - 1)?.to_vec1::<f64>()?;
    Ok((0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32)
}

fn generate(model: &Llama, settings: &Sampling) -> Result<Vec<Vec<u32>>> {
    let mut heard = vec![Vec::new(); prompts().len()];
    let texts = model.generate(&prompts(), settings, &|| false, &mut |row, id| heard[row].push(id))?;
    assert_eq!(texts, heard);
    Ok(texts)
}

#[test]
fn greedy_texts_are_the_argmax_of_the_full_logits_however_many_grow_together() -> Result<()> {
    let model = model(config(2, false), DType::F64);
    let mut settings = Sampling { stop_ids: vec![], ..Sampling::greedy(&model, 12) };
    for (rows_at_once, prompt_tokens_at_once) in [(1, 2048), (2, 1), (4, 9), (32, 2048), (32, 40), (3, 31)] {
        (settings.rows_at_once, settings.prompt_tokens_at_once) = (rows_at_once, prompt_tokens_at_once);
        let texts = generate(&model, &settings)?;
        for (prompt, text) in prompts().iter().zip(&texts) {
            // The context is 32 tokens; the one after it is predicted, but not read.
            assert_eq!(text.len(), 12.min(33 - prompt.len()));
            let mut so_far = prompt.clone();
            for id in text {
                assert_eq!(*id, next(&model, &so_far)?, "{prompt:?} {rows_at_once} {prompt_tokens_at_once}");
                so_far.push(*id);
            }
        }
    }
    Ok(())
}

#[test]
fn texts_of_several_adapters_in_one_batch_are_those_of_each_alone() -> Result<()> {
    for (dtype, tied) in [(DType::F64, false), (DType::F32, true)] {
        let base = model(config(2, tied), dtype);
        let (mut first, mut second) = (base.clone(), base.clone());
        attach_lora(&mut first, &["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"], 20.0, 0.5);
        let paths = base.module_paths();
        attach_lora(&mut second, &paths.iter().map(String::as_str).collect::<Vec<_>>(), 9.0, 0.0);
        let (mut third, mut fourth) = (base.clone(), base.clone());
        attach_dora(&mut third, &["model.layers.0.self_attn.q_proj", "model.layers.2.mlp.up_proj"], 5.0, 0.0);
        attach_scales(&mut fourth, &["model.layers.0.self_attn.v_proj", "model.layers.1.mlp.down_proj"]);
        let models = [&base, &first, &second, &third, &fourth];
        let settings = Sampling { stop_ids: vec![], rows_at_once: 7, ..Sampling::greedy(&base, 8) };
        let prompts = prompts();
        // Model after model for each prompt, so that the rows of a model lie apart.
        let all: Vec<Prompt<'_>> =
            prompts.iter().flat_map(|ids| (0..5).map(move |model| Prompt { model, ids })).collect();
        let together = Llama::generate_side_by_side(&models, &all, &settings, &|| false, &mut |_, _| {})?;
        let alone = models.map(|model| generate(model, &settings));
        for (model, alone) in alone.into_iter().enumerate() {
            let together: Vec<_> = together.iter().skip(model).step_by(5).cloned().collect();
            assert_eq!(together, alone?, "{dtype:?} model {model}");
        }
        assert_ne!(together[0], together[1], "the adapters change the texts");
        assert!((1..4).all(|model| together[model] != together[model + 1]));
    }
    Ok(())
}

#[test]
fn models_of_different_bases_do_not_share_a_batch() -> Result<()> {
    let (one, other) = (model(config(2, false), DType::F32), model(config(2, false), DType::F32));
    let settings = Sampling::greedy(&one, 2);
    let ids = [1, 2];
    let ask = |models: &[&Llama], model| {
        let prompts = [Prompt { model, ids: &ids }];
        Llama::generate_side_by_side(models, &prompts, &settings, &|| false, &mut |_, _| {}).unwrap_err().to_string()
    };
    assert_eq!(
        ask(&[&one, &other], 0),
        "model 1 of a batch is weights of its own, must be the weights of the first one, with another adapter"
    );
    assert_eq!(ask(&[&one], 1), "prompt 0  a prompt's model is 1, must be below 1");
    Ok(())
}

#[test]
fn a_stop_id_ends_a_text_and_is_not_part_of_it() -> Result<()> {
    let model = model(config(2, true), DType::F64);
    let mut settings = Sampling { stop_ids: vec![], rows_at_once: 3, ..Sampling::greedy(&model, 10) };
    let free = generate(&model, &settings)?;
    settings.stop_ids = vec![free[0][3], free[2][1]];
    let stopped = generate(&model, &settings)?;
    for (free, stopped) in free.iter().zip(&stopped) {
        let expected: Vec<u32> = free.iter().copied().take_while(|id| !settings.stop_ids.contains(id)).collect();
        assert_eq!(*stopped, expected);
    }
    assert!(stopped[0].len() <= 3);
    Ok(())
}

#[test]
fn a_sampled_text_depends_on_seed_and_row_only() -> Result<()> {
    let model = model(config(2, false), DType::F64);
    let mut settings = Sampling {
        temperature: 1.5,
        top_k: 20,
        top_p: 0.95,
        seed: 4,
        stop_ids: vec![],
        ..Sampling::greedy(&model, 15)
    };
    let texts = generate(&model, &settings)?;
    settings.rows_at_once = 2;
    assert_eq!(generate(&model, &settings)?, texts);
    settings.seed = 5;
    assert_ne!(generate(&model, &settings)?, texts);
    Ok(())
}

#[test]
fn the_real_checkpoint_writes_its_published_story() -> Result<()> {
    let Some(folder) = super::checkpoint::folder() else { return Ok(()) };
    let golden: Value = files::read_json(&folder.join("golden.json"))?;
    let story: Vec<u32> =
        golden["input_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    let model = Llama::load(&folder, DType::F32, &Device::Cpu)?;
    let settings = Sampling { rows_at_once: 2, ..Sampling::greedy(&model, story.len() - 1) };
    let prompts = [vec![1], story[..40].to_vec(), story[..10].to_vec()];
    let texts = model.generate(&prompts, &settings, &|| false, &mut |_, _| {})?;
    for (prompt, text) in prompts.iter().zip(texts) {
        let expected = &story[prompt.len()..];
        assert_eq!(text[..expected.len()], *expected);
    }
    Ok(())
}

#[test]
fn a_prompt_that_does_not_fit_and_a_broken_model_are_errors() -> Result<()> {
    let mut model = model(config(2, false), DType::F32);
    let settings = Sampling::greedy(&model, 4);
    let run = |model: &Llama, prompt: Vec<u32>| {
        model.generate(&[vec![1], prompt], &settings, &|| false, &mut |_, _| {}).unwrap_err().to_string()
    };
    assert!(run(&model, vec![]).starts_with("prompt 1  the batch has no tokens"));
    assert!(run(&model, vec![40]).starts_with("prompt 1  the token id at place 0 is 40"));
    assert!(run(&model, vec![1; 33]).contains("at most max_position_embeddings, 32"));
    let stopped = model.generate(&[vec![1]], &settings, &|| true, &mut |_, _| {});
    assert_eq!(stopped.unwrap_err().kind(), Kind::Interrupted);
    model.norm = Weight::Frozen((noise(1, "n", &[20])?.to_dtype(DType::F32)? * f64::NAN)?);
    let text = run(&model, vec![5]);
    assert!(text.contains("at place 0 of text 0 is NaN"), "{text}");
    assert_eq!(model.generate(&[], &settings, &|| false, &mut |_, _| {})?.len(), 0);
    Ok(())
}
