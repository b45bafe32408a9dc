//! The trained parameters of a model: one flat buffer, and a view into it for each tensor.
//!
//! One pass over one buffer is all that an optimizer, a gradient norm or an all-reduce needs. Matrices
//! come first and decay; vectors (the norms) come after them and do not, as in Hugging Face's Trainer,
//! so that AdamW is two calls. Gradients live in a buffer of the same layout that the trainer owns.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::kernels::matmul::linear_weight_gradient;

/// One trained tensor.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its place in [`Parameters::entries`].
    pub index: usize,
    /// A view into the flat buffer; what the optimizer writes there is seen here.
    pub value: Tensor,
}

impl Parameter {
    /// Overwrites the value in the buffer.
    ///
    /// # Errors
    /// The shape, the dtype or the device differs.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        if value.dims() != self.value.dims() {
            let (got, expected) = (format!("{:?}", value.dims()), format!("{:?}", self.value.dims()));
            return Err(Error::new("the shape of a parameter").got(got).expected(expected));
        }
        // A contiguous view flattens without a copy, so that the write lands in the buffer.
        Ok(self.value.flatten_all()?.slice_set(&value.flatten_all()?.contiguous()?, 0, 0)?)
    }
}

/// Takes gradients as the backward pass finishes them, each parameter once for a micro-step.
pub trait GradientSink {
    /// Takes the finished gradient of a parameter, of the parameter's shape and dtype.
    ///
    /// Nothing later in the same backward pass reads the parameter's value, so it may be updated here.
    ///
    /// # Errors
    /// What the sink itself meets; it ends the backward pass.
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()>;

    /// Takes a weight's gradient as the product that it is, `dyᵀ·x`: a sink with room for it multiplies there.
    ///
    /// # Errors
    /// As [`GradientSink::accept`].
    fn accept_product(&mut self, parameter: &Parameter, dy: &Tensor, x: &Tensor) -> Result<()> {
        self.accept(parameter, linear_weight_gradient(dy, x)?)
    }

    /// [`GradientSink::accept`] where several adapters are trained in one pass: of the one of that number.
    ///
    /// # Errors
    /// As [`GradientSink::accept`].
    fn accept_of(&mut self, _adapter: usize, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        self.accept(parameter, gradient)
    }

    /// [`GradientSink::accept_product`] where several adapters are trained in one pass: of the one of that number.
    ///
    /// # Errors
    /// As [`GradientSink::accept`].
    fn accept_product_of(&mut self, adapter: usize, parameter: &Parameter, dy: &Tensor, x: &Tensor) -> Result<()> {
        self.accept_of(adapter, parameter, linear_weight_gradient(dy, x)?)
    }
}

/// Where one trained tensor lies in the flat buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name, unique among the parameters.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first element in the flat buffer.
    pub offset: usize,
    /// Whether weight decay acts on it.
    pub decay: bool,
    /// Its learning rate is this times that of the step.
    pub rate: f64,
}

impl Entry {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// All trained tensors of a model.
#[derive(Debug, Clone)]
pub struct Parameters {
    entries: Vec<Entry>,
    value: Tensor,
    decayed: usize,
}

impl Parameters {
    /// Moves tensors into one new flat buffer; returns the views in the order given.
    ///
    /// # Errors
    /// There is none; a name comes twice; dtypes or devices differ.
    pub fn gather(tensors: Vec<(String, Tensor)>) -> Result<(Self, Vec<Parameter>)> {
        let Some((_, first)) = tensors.first() else {
            return Err(Error::new("there is nothing to train: no tensor was given"));
        };
        let (dtype, device) = (first.dtype(), first.device().clone());
        if let Some((name, tensor)) = tensors.iter().find(|(_, tensor)| tensor.dtype() != dtype) {
            return Err(Error::new("dtype")
                .got(format!("{:?}", tensor.dtype()))
                .expected(format!("{dtype:?}, as the other trained parameters"))
                .at(name));
        }
        let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
        let (parameters, views) = Self::zeros(shapes, dtype, &device)?;
        for ((_, tensor), view) in tensors.into_iter().zip(&views) {
            view.set(&tensor)?;
        }
        Ok((parameters, views))
    }

    /// A flat buffer of zeros for tensors of these names and shapes; returns the views in the order given.
    ///
    /// # Errors
    /// A name comes twice; there is no memory for the buffer.
    pub fn zeros(shapes: Vec<(String, Vec<usize>)>, dtype: DType, device: &Device) -> Result<(Self, Vec<Parameter>)> {
        let mut names = std::collections::HashSet::new();
        if let Some((name, _)) = shapes.iter().find(|(name, _)| !names.insert(name.clone())) {
            return Err(Error::new("a parameter is given twice").at(name));
        }
        let mut order: Vec<(usize, (String, Vec<usize>))> = shapes.into_iter().enumerate().collect();
        // Stable: inside each half the order given is kept.
        order.sort_by_key(|(_, (_, shape))| shape.len() < 2);
        let mut places = vec![0; order.len()];
        let (mut entries, mut offset, mut decayed) = (Vec::with_capacity(order.len()), 0, 0);
        for (index, (place, (name, shape))) in order.into_iter().enumerate() {
            let entry = Entry { name, offset, decay: shape.len() >= 2, shape, rate: 1.0 };
            offset += entry.elements();
            if entry.decay {
                decayed = offset;
            }
            if let Some(slot) = places.get_mut(place) {
                *slot = index;
            }
            entries.push(entry);
        }
        let parameters = Self { entries, value: Tensor::zeros(offset, dtype, device)?, decayed };
        let view = |index| Ok(Parameter { index, value: parameters.view(&parameters.value, index)? });
        let views = places.into_iter().map(view).collect::<Result<Vec<_>>>()?;
        Ok((parameters, views))
    }

    /// The layout of the flat buffer: decayed tensors first, then the others.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Gives some parameters, by their names, a learning rate of so many times that of the step.
    pub fn set_rate(&mut self, rate: f64, which: impl Fn(&str) -> bool) {
        for entry in self.entries.iter_mut().filter(|entry| which(&entry.name)) {
            entry.rate = rate;
        }
    }

    /// A part of the flat buffer in pieces that each have one learning rate, with it.
    pub fn by_rate(&self, range: Range<usize>) -> Vec<(Range<usize>, f64)> {
        let mut pieces: Vec<(Range<usize>, f64)> = Vec::new();
        let first = self.entries.partition_point(|entry| entry.offset + entry.elements() <= range.start);
        for entry in self.entries.iter().skip(first).take_while(|entry| entry.offset < range.end) {
            let piece = entry.offset.max(range.start)..(entry.offset + entry.elements()).min(range.end);
            match pieces.last_mut() {
                Some((last, rate)) if *rate == entry.rate => last.end = piece.end,
                _ => pieces.push((piece, entry.rate)),
            }
        }
        pieces
    }

    /// The flat buffer, `[elements]`.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The dtype of the buffer.
    pub fn dtype(&self) -> DType {
        self.value.dtype()
    }

    /// Number of trained elements.
    pub fn elements(&self) -> usize {
        self.value.elem_count()
    }

    /// How many elements, from the start, weight decay acts on.
    pub fn decayed_elements(&self) -> usize {
        self.decayed
    }

    /// The part of a buffer of this layout that belongs to one parameter, in its shape.
    ///
    /// # Errors
    /// There is no such parameter, or the buffer has another length.
    pub fn view(&self, buffer: &Tensor, index: usize) -> Result<Tensor> {
        let Some(entry) = self.entries.get(index) else {
            return Err(Error::new("parameter").got(index).expected(format!("below {}", self.entries.len())));
        };
        Ok(buffer.narrow(0, entry.offset, entry.elements())?.reshape(entry.shape.as_slice())?)
    }

    /// A buffer of this layout in two: what decays and what does not (either may be empty).
    ///
    /// # Errors
    /// The buffer has another length.
    pub fn halves(&self, buffer: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok((buffer.narrow(0, 0, self.decayed)?, buffer.narrow(0, self.decayed, self.elements() - self.decayed)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_come_first_and_views_see_what_is_written_to_the_buffer() -> Result<()> {
        let vector = Tensor::new(&[1f32, 2.], &Device::Cpu)?;
        let matrix = Tensor::new(&[[3f32, 4., 5.], [6., 7., 8.]], &Device::Cpu)?;
        let (parameters, views) = Parameters::gather(vec![
            ("norm".into(), vector),
            ("matrix".into(), matrix.clone()),
            ("other".into(), matrix),
        ])?;
        let names: Vec<&str> = parameters.entries().iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["matrix", "other", "norm"]);
        assert_eq!((parameters.elements(), parameters.decayed_elements()), (14, 12));
        assert_eq!(views.iter().map(|view| view.index).collect::<Vec<_>>(), [2, 0, 1]);
        parameters.value().slice_set(&Tensor::new(&[9f32], &Device::Cpu)?, 0, 12)?;
        assert_eq!(views[0].value.to_vec1::<f32>()?, [9., 2.]);
        assert_eq!(views[1].value.to_vec2::<f32>()?, [[3., 4., 5.], [6., 7., 8.]]);
        let (decayed, plain) = parameters.halves(parameters.value())?;
        assert_eq!((decayed.elem_count(), plain.elem_count()), (12, 2));
        Ok(())
    }

    #[test]
    fn a_name_given_twice_and_nothing_at_all_are_refused() -> Result<()> {
        let one = Tensor::new(&[1f32], &Device::Cpu)?;
        let twice = Parameters::gather(vec![("a".into(), one.clone()), ("a".into(), one)]).map(|_| ());
        assert_eq!(twice.map_err(|e| e.to_string()), Err("a  a parameter is given twice".into()));
        assert!(Parameters::gather(Vec::new()).is_err());
        Ok(())
    }
}
