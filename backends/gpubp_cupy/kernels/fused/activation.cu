// Activations of a sum with a bias, and their derivatives: see gpubp/rules/fused/activation.py.

#include "rows.cuh"

// The bias element for element e, where `inner` elements in a row share one of `n`. There may be
// more than 2^31 elements.
__device__ inline long long bias_of(long long e, long long inner, long long n) {
  return e / inner % n;
}

template <typename A> __device__ A expit(A z) {
  A decay = exp(z < 0 ? z : -z);  // at most 1
  return (z < 0 ? decay : A(1)) / (1 + decay);
}
template <typename A> __device__ A normal(A z) { return A(0.5) * erfc(A(-0.70710678118654752) * z); }

struct relu {
  template <typename A> static __device__ A value(A z) { return z <= 0 ? A(0) : z; }
  template <typename A> static __device__ A slope(A t, A y) { return y == 0 ? A(0) : t; }
};
struct tanh_ {
  template <typename A> static __device__ A value(A z) { return tanh(z); }
  template <typename A> static __device__ A slope(A t, A y) { return t * (1 - y * y); }
};
struct sigmoid {
  template <typename A> static __device__ A value(A z) { return expit(z); }
  template <typename A> static __device__ A slope(A t, A z) { return t * expit(z) * expit(-z); }
};
struct silu {
  template <typename A> static __device__ A value(A z) { return z * expit(z); }
  template <typename A> static __device__ A slope(A t, A z) {
    A y = expit(z);
    return t * (y + z * y * expit(-z));
  }
};
struct gelu {
  template <typename A> static __device__ A value(A z) { return z * normal(z); }
  template <typename A> static __device__ A slope(A t, A z) {
    return t * (normal(z) + z * exp(A(-0.5) * z * z) * A(0.39894228040143268));
  }
};

#define FOR_EACH_ELEMENT(e, size)                                                                 \
  for (long long e = (long long)blockIdx.x * blockDim.x + threadIdx.x; e < size;                  \
       e += (long long)gridDim.x * blockDim.x)

#define VALUE(activation, function, name, T)                                                      \
  extern "C" __global__ void bias_##activation##_##name(const T* x, const T* bias, T* y,          \
                                                        long long size, long long inner,          \
                                                        long long n) {                            \
    FOR_EACH_ELEMENT(e, size)                                                                     \
      store(y + e, function::value(widen(x[e]) + widen(bias[bias_of(e, inner, n)])));             \
  }
#define SLOPE_OF_RESULT(activation, function, name, T)                                            \
  extern "C" __global__ void bias_##activation##_slope_##name(const T* t, const T* y, T* out,     \
                                                              long long size) {                   \
    FOR_EACH_ELEMENT(e, size) store(out + e, function::slope(widen(t[e]), widen(y[e])));          \
  }
#define SLOPE(activation, function, name, T)                                                      \
  extern "C" __global__ void bias_##activation##_slope_##name(const T* t, const T* x,             \
                                                              const T* bias, T* out,              \
                                                              long long size, long long inner,    \
                                                              long long n) {                      \
    FOR_EACH_ELEMENT(e, size)                                                                     \
      store(out + e, function::slope(widen(t[e]),                                                 \
                                     widen(x[e]) + widen(bias[bias_of(e, inner, n)])));           \
  }

#define KERNELS(name, T)                                                                          \
  VALUE(relu, relu, name, T) SLOPE_OF_RESULT(relu, relu, name, T)                                 \
  VALUE(tanh, tanh_, name, T) SLOPE_OF_RESULT(tanh, tanh_, name, T)                               \
  VALUE(sigmoid, sigmoid, name, T) SLOPE(sigmoid, sigmoid, name, T)                               \
  VALUE(silu, silu, name, T) SLOPE(silu, silu, name, T)                                           \
  VALUE(gelu, gelu, name, T) SLOPE(gelu, gelu, name, T)

FOR_EACH_TYPE(KERNELS)
