// All kernels, in one module.
#include "adamw.cu"
#include "cross_entropy.cu"
#include "embedding.cu"
#include "norm.cu"
#include "rms_norm.cu"
#include "rope.cu"
#include "swiglu.cu"
