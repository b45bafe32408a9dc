//! The trained parameters of a model: one flat buffer, and a view into it for each tensor.
//!
//! One pass over one buffer is all that an optimizer, a gradient norm or an all-reduce needs. Matrices
//! come first and decay; vectors (the norms) come after them and do not, as in Hugging Face's Trainer,
//! so that AdamW is two calls. Gradients live in a buffer of the same layout that the trainer owns.

use candle_core::{DType, Tensor};

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
}

/// Where one trained tensor lies in the flat buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, unique among the parameters.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first element in the flat buffer.
    pub offset: usize,
    /// Whether weight decay acts on it.
    pub decay: bool,
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
        let mut names = std::collections::HashSet::new();
        for (name, tensor) in &tensors {
            if !names.insert(name.as_str()) {
                return Err(Error::new("a parameter is given twice").at(name));
            }
            if tensor.dtype() != dtype {
                return Err(Error::new("dtype")
                    .got(format!("{:?}", tensor.dtype()))
                    .expected(format!("{dtype:?}, as the other trained parameters"))
                    .at(name));
            }
        }
        let elements = tensors.iter().map(|(_, tensor)| tensor.elem_count()).sum::<usize>();
        let value = Tensor::zeros(elements, dtype, &device)?;
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        // Stable: inside each half the order given is kept.
        order.sort_by_key(|place| tensors.get(*place).is_some_and(|(_, tensor)| tensor.rank() < 2));
        let mut places = vec![0; tensors.len()];
        let mut tensors: Vec<Option<(String, Tensor)>> = tensors.into_iter().map(Some).collect();
        let (mut entries, mut offset, mut decayed) = (Vec::with_capacity(order.len()), 0, 0);
        for place in order {
            let Some((name, tensor)) = tensors.get_mut(place).and_then(Option::take) else { continue };
            value.slice_set(&tensor.flatten_all()?.contiguous()?, 0, offset)?;
            let entry = Entry { name, shape: tensor.dims().to_vec(), offset, decay: tensor.rank() >= 2 };
            offset += entry.elements();
            if entry.decay {
                decayed = offset;
            }
            if let Some(slot) = places.get_mut(place) {
                *slot = entries.len();
            }
            entries.push(entry);
        }
        let parameters = Self { entries, value, decayed };
        let views = places
            .into_iter()
            .map(|index| Ok(Parameter { index, value: parameters.view(&parameters.value, index)? }))
            .collect::<Result<Vec<_>>>()?;
        Ok((parameters, views))
    }

    /// The layout of the flat buffer: decayed tensors first, then the others.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
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
    use candle_core::Device;

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
