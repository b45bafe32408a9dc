//! The gradient of the embedding on CUDA: `embedding.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

const THREADS: usize = 256;
/// Rows of one token that a block sums; of a token with more, several blocks have a piece each.
const PIECE: usize = 64;
/// A piece whose sum is the token's.
const NO_SLOT: u32 = u32::MAX;

/// Who sums which rows, as the kernels read it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// The tokens, those of one id together, each id's in their order.
    order: Vec<u32>,
    /// Of each piece: its places in `order` from and to, the id, and the row of the partial sums or [`NO_SLOT`].
    pieces: Vec<[u32; 4]>,
    /// Of each id with several pieces: the id, and the rows of its partial sums from and to.
    joined: Vec<[u32; 3]>,
    /// Rows of partial sums.
    slots: usize,
}

impl Plan {
    /// Ids that are not below the vocabulary are left out.
    fn new(ids: &[u32], vocabulary: usize, longest: usize) -> Self {
        // How many tokens each id has, then where the next one of it goes: in time that grows with the tokens.
        let mut next = vec![0u32; vocabulary];
        for &id in ids {
            if let Some(count) = next.get_mut(id as usize) {
                *count += 1;
            }
        }
        let mut plan = Self { order: vec![0; ids.len()], ..Self::default() };
        let mut start = 0;
        for (id, count) in next.iter_mut().enumerate() {
            if *count > 0 {
                let tokens = *count as usize;
                *count = start as u32;
                plan.add(id as u32, start..start + tokens, longest);
                start += tokens;
            }
        }
        for (token, &id) in ids.iter().enumerate() {
            let Some(place) = next.get_mut(id as usize) else { continue };
            if let Some(slot) = plan.order.get_mut(*place as usize) {
                *slot = token as u32;
            }
            *place += 1;
        }
        plan
    }

    fn add(&mut self, id: u32, places: std::ops::Range<usize>, longest: usize) {
        let (first, end, alone) = (self.slots, places.end, places.len() <= longest);
        for start in places.step_by(longest) {
            let slot = if alone { NO_SLOT } else { self.slots as u32 };
            self.pieces.push([start as u32, end.min(start + longest) as u32, id, slot]);
            self.slots += usize::from(!alone);
        }
        if !alone {
            self.joined.push([id, first as u32, self.slots as u32]);
        }
    }
}

/// Sums the rows of `dy` into the rows of `gradient` that the ids name, in the order of the tokens.
///
/// # Shapes  `gradient: [vocabulary, features]`, `dy: [tokens, features]`; ids are below the vocabulary
pub(in crate::kernels) fn backward(
    engine: &Engine,
    gradient: &Tensor,
    dy: &Tensor,
    ids: &[u32],
    add: bool,
) -> Result<()> {
    backward_by(engine, gradient, dy, &Plan::new(ids, gradient.dim(0)?, PIECE), add)
}

fn backward_by(engine: &Engine, gradient: &Tensor, dy: &Tensor, plan: &Plan, add: bool) -> Result<()> {
    if plan.pieces.is_empty() {
        return Ok(());
    }
    let (features, dtype) = (dy.dim(1)?, dy.dtype());
    let chunks = |bytes: usize| features.div_ceil(THREADS * 16 / bytes);
    // Everything in one copy to the device.
    let all = [plan.pieces.as_flattened(), plan.joined.as_flattened(), &plan.order].concat();
    let all = Tensor::from_slice(&all, all.len(), dy.device())?;
    let (pieces, joined) = (plan.pieces.len(), plan.joined.len());
    let of_order = all.narrow(0, pieces * 4 + joined * 3, plan.order.len())?;
    let partial = (joined > 0).then(|| engine.empty(&[plan.slots, features], DType::F32)).transpose()?;
    let numbers = [Argument::Int(features as i32), Argument::Int(i32::from(add))];
    engine.run(&Launch {
        kernel: "embedding_backward",
        dtype: Some(dtype),
        grid: [pieces, chunks(dtype.size_in_bytes()), 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(gradient),
            Argument::output(partial.as_ref()),
            Argument::Input(dy),
            Argument::Input(&all.narrow(0, 0, pieces * 4)?),
            Argument::Input(&of_order),
            numbers[0],
            numbers[1],
        ],
    })?;
    let Some(partial) = partial else { return Ok(()) };
    engine.run(&Launch {
        kernel: "embedding_join",
        dtype: Some(dtype),
        grid: [joined, chunks(size_of::<f32>()), 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(gradient),
            Argument::Input(&partial),
            Argument::Input(&all.narrow(0, pieces * 4, joined * 3)?),
            numbers[0],
            numbers[1],
        ],
    })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::embedding;
    use crate::kernels::oracle::{assert_close, bound_of, random};

    #[test]
    fn rows_are_summed_where_their_ids_say() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, features) in [(DType::F32, 4), (DType::BF16, 2056), (DType::F16, 8)] {
            let ids = [6u32, 0, 6, 3, 3, 0, 3];
            let dy = random("dy", &[ids.len(), features], dtype)?;
            let want = embedding::backward(&dy.to_dtype(DType::F64)?, &ids, 7)?;
            let gradient = Tensor::zeros((7, features), dtype, &Device::Cpu)?;
            backward(&engine, &gradient, &dy, &ids, false)?;
            assert_close(bound_of(dtype), &[("gradient", &gradient, &want)])?;
            // In pieces of two, of which the last of id 3 is a single token.
            backward_by(&engine, &gradient, &dy, &Plan::new(&ids, 7, 2), true)?;
            assert_close(2.0 * bound_of(dtype), &[("twice", &gradient, &(want * 2.0)?)])?;
        }
        Ok(())
    }

    #[test]
    fn a_frequent_token_is_summed_by_several_blocks() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        // 700 tokens of id 2 are eleven pieces, more than a thread asks for at once; 20 of id 5 end inside a round.
        let ids: Vec<u32> = (0..720).map(|i| if i % 36 == 7 { 5 } else { 2 }).collect();
        let dy = random("dy", &[ids.len(), 16], DType::F32)?;
        let want = embedding::backward(&dy.to_dtype(DType::F64)?, &ids, 7)?;
        let gradient = Tensor::zeros((7, 16), DType::F32, &Device::Cpu)?;
        backward(&engine, &gradient, &dy, &ids, false)?;
        assert_close(bound_of(DType::F32), &[("gradient", &gradient, &want)])
    }

    #[test]
    fn tokens_keep_their_order_and_long_runs_are_cut() {
        let plan = Plan::new(&[6, 0, 6, 3, 3, 0, 3], 7, 2);
        assert_eq!(plan.order, [1, 5, 3, 4, 6, 0, 2]);
        assert_eq!(plan.pieces, [[0, 2, 0, NO_SLOT], [2, 4, 3, 0], [4, 5, 3, 1], [5, 7, 6, NO_SLOT]]);
        assert_eq!((plan.joined, plan.slots), (vec![[3, 0, 2]], 2));
        assert_eq!(Plan::new(&[], 7, 2), Plan::default());
    }
}
