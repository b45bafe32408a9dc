use candle_core::Device;

use super::*;
use crate::kernels::oracle::{assert_close, gradients, random};

fn inputs(rows: usize, features: usize, vocabulary: usize, dtype: DType) -> Result<(Tensor, Tensor, Tensor)> {
    let targets: Vec<u32> = (0..rows as u32).map(|i| (i * 7 + 3) % vocabulary as u32).collect();
    let targets = Tensor::from_vec(targets, rows, &Device::Cpu)?;
    Ok((random("h", &[rows, features], dtype)?, random("w", &[vocabulary, features], dtype)?, targets))
}

/// A weight for each row: halves from 0 to 2.
fn weights(rows: usize) -> Vec<f32> {
    (0..rows).map(|row| (row + 1) as f32 % 5.0 * 0.5).collect()
}

#[test]
fn the_reference_equals_autograd_in_f64() -> Result<()> {
    // 300 rows are two chunks.
    for (rows, features, vocabulary) in [(1, 3, 2), (300, 5, 11)] {
        let (hidden, weight, targets) = inputs(rows, features, vocabulary, DType::F64)?;
        let weights = weights(rows);
        let wide: Vec<f64> = weights.iter().map(|weight| f64::from(*weight)).collect();
        let wide = Tensor::from_vec(wide, (rows, 1), &Device::Cpu)?;
        let direction = (&wide * 0.125)?;
        let scale = Scale { all: 0.125, rows: &weights };
        let (losses, [dh, dw]) = gradients([&hidden, &weight], &direction, |[hidden, weight]| {
            let logits = hidden.matmul(&weight.t()?)?;
            let normal = logits.broadcast_sub(&logits.exp()?.sum_keepdim(1)?.log()?)?;
            Ok(normal.gather(&targets.unsqueeze(1)?, 1)?.neg()?)
        })?;
        let loss = (&losses * &wide)?.sum_all()?.to_scalar::<f64>()?;
        let got = forward_backward(&hidden, &weight, &targets, scale, true)?;
        assert!((got.loss_sum - loss).abs() <= 1e-12 * loss, "{} {loss}", got.loss_sum);
        let got_dw = got.d_weight.expect("the weight's gradient");
        assert_close(1e-12, &[("d_hidden", &got.d_hidden, &dh), ("d_weight", &got_dw, &dw)])?;
        let likelihoods = log_likelihoods(&hidden, &weight, &targets)?;
        assert!((scale.loss(&likelihoods) - loss).abs() <= 1e-12 * loss);
    }
    Ok(())
}

#[test]
fn the_fast_path_equals_the_reference() -> Result<()> {
    // 2,500 entries are three parts, and 300 rows several tasks.
    for (rows, features, vocabulary) in [(0, 3, 5), (1, 3, 2), (300, 16, 101), (300, 5, 2500)] {
        let (hidden, weight, targets) = inputs(rows, features, vocabulary, DType::F32)?;
        let weights = weights(rows);
        let scale = Scale { all: 0.01, rows: &weights };
        let fast = forward_backward(&hidden, &weight, &targets, scale, true)?;
        let slow = reference::forward_backward(&hidden, &weight, &targets, scale, true)?;
        assert!((fast.loss_sum - slow.loss_sum).abs() <= 1e-6 * slow.loss_sum, "{} {}", fast.loss_sum, slow.loss_sum);
        let (dw, want_dw) = (fast.d_weight.expect("a gradient"), slow.d_weight.expect("a gradient"));
        assert_close(1e-6, &[("d_hidden", &fast.d_hidden, &slow.d_hidden), ("d_weight", &dw, &want_dw)])?;
        let likelihoods = log_likelihoods(&hidden, &weight, &targets)?;
        assert!((scale.loss(&likelihoods) - fast.loss_sum).abs() < 1e-8 * fast.loss_sum.max(1.0));
        let frozen = forward_backward(&hidden, &weight, &targets, scale, false)?;
        assert!((frozen.loss_sum - slow.loss_sum).abs() <= 1e-6 * slow.loss_sum);
        assert_close(2e-6, &[("d_hidden of a frozen head", &frozen.d_hidden, &slow.d_hidden)])?;
        assert!(frozen.d_weight.is_none());
    }
    Ok(())
}

#[test]
fn huge_logits_do_not_overflow_and_a_nan_reaches_the_loss() -> Result<()> {
    let weight = Tensor::new(&[[1e4f32], [-1e4], [0.0]], &Device::Cpu)?;
    let hidden = Tensor::new(&[[1f32], [1.0], [f32::NAN]], &Device::Cpu)?;
    let likelihoods = log_likelihoods(&hidden, &weight, &Tensor::new(&[0u32, 1, 0], &Device::Cpu)?)?;
    assert_eq!(likelihoods[..2], [0.0, -2e4]);
    assert!(likelihoods[2].is_nan());
    Ok(())
}

#[test]
fn a_row_whose_logits_grow_from_part_to_part_is_summed_as_if_they_did_not() -> Result<()> {
    // The largest logit so far changes in every part: 30, 60 and 90 below each other's.
    let vocabulary = 3000;
    let rising: Vec<f32> = (0..vocabulary).map(|entry| entry as f32 * 0.03).collect();
    let weight = Tensor::from_vec(rising, (vocabulary, 1), &Device::Cpu)?;
    let hidden = Tensor::new(&[[1f32], [-1.0]], &Device::Cpu)?;
    let targets = Tensor::new(&[17u32, 2999], &Device::Cpu)?;
    let (fast, slow) = (
        forward_backward(&hidden, &weight, &targets, 0.5, false)?,
        reference::forward_backward(&hidden, &weight, &targets, 0.5, false)?,
    );
    assert!((fast.loss_sum - slow.loss_sum).abs() <= 1e-6 * slow.loss_sum, "{} {}", fast.loss_sum, slow.loss_sum);
    assert_close(1e-6, &[("d_hidden", &fast.d_hidden, &slow.d_hidden)])
}

#[test]
fn rows_without_weights_count_alike_and_a_wrong_number_of_weights_is_refused() -> Result<()> {
    let (hidden, weight, targets) = inputs(5, 3, 7, DType::F32)?;
    let plain = forward_backward(&hidden, &weight, &targets, 0.5, true)?;
    let ones = forward_backward(&hidden, &weight, &targets, Scale { all: 0.5, rows: &[1.0; 5] }, true)?;
    assert_eq!(plain.loss_sum, ones.loss_sum);
    assert_close(0.0, &[("d_hidden", &plain.d_hidden, &ones.d_hidden)])?;
    let error = forward_backward(&hidden, &weight, &targets, Scale { all: 0.5, rows: &[1.0; 4] }, true);
    assert!(error.unwrap_err().to_string().contains("the number of weights is 4, must be 5"));
    Ok(())
}

#[test]
fn a_target_outside_the_vocabulary_is_named() -> Result<()> {
    let (hidden, weight, _) = inputs(1, 2, 4, DType::F32)?;
    let text = log_likelihoods(&hidden, &weight, &Tensor::new(&[4u32], &Device::Cpu)?).map_err(|e| e.to_string());
    assert_eq!(text, Err("target token is 4, must be below the vocabulary of 4".into()));
    Ok(())
}
