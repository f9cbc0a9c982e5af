// An optimiser's formula for all leaves of its trees in one launch: see gpubp/optim.
//
// The leaves' addresses and sizes are an argument by value, so that nothing is copied to the device
// and a captured launch is complete. What is first in a row, the gradient, may be the transpose of
// a matrix; everything else is whole.

typedef long long integer;
const int MOST_INPUTS = 3, MOST_RESULTS = 3, MOST_LEAVES = 40;  // 4 KiB of arguments in all
const int THREADS = 256, GROUP = 1024;                          // elements of one block

struct Leaf {
  const void* in[MOST_INPUTS];
  void* out[MOST_RESULTS];
  integer size, columns, by_row, by_column;  // of the first input, as a matrix
  integer group;                             // the first of its blocks
};
struct Leaves {
  Leaf leaf[MOST_LEAVES];
  integer count;
};

// Where element e of the first input lies; there may be more than 2^31.
__device__ inline integer place(const Leaf& leaf, integer e) {
  return e / leaf.columns * leaf.by_row + e % leaf.columns * leaf.by_column;
}

template <typename T, int INPUTS, int RESULTS, typename Formula>
__device__ __forceinline__ void run(const Leaves& leaves, Formula formula) {
  int which = 0;
  while (which + 1 < leaves.count && leaves.leaf[which + 1].group <= blockIdx.x) ++which;
  const Leaf& leaf = leaves.leaf[which];
  integer first = (blockIdx.x - leaf.group) * (integer)GROUP + threadIdx.x;
  for (integer e = first; e < min(first + GROUP, leaf.size); e += THREADS) {
    T x[INPUTS], y[RESULTS];
    x[0] = ((const T*)leaf.in[0])[place(leaf, e)];
    for (int i = 1; i < INPUTS; ++i) x[i] = ((const T*)leaf.in[i])[e];
    formula(x, y);
    for (int i = 0; i < RESULTS; ++i) ((T*)leaf.out[i])[e] = y[i];
  }
}

// Inlined, all of them: the table is read where the launch put it, and not copied for a call.

// Gradient, mean, square; the number of this step decides the corrections of both means.
template <typename T>
__device__ __forceinline__ void adam(const Leaves& leaves, const integer* count, double b1, double b2,
                     double epsilon) {
  T t = *count;
  T c1 = -expm1(T(log(b1)) * t);
  T slope = c1 / sqrt(-expm1(T(log(b2)) * t)), offset = T(epsilon) * c1;
  run<T, 3, 3>(leaves, [=](const T* x, T* y) {
    T g = x[0];
    y[1] = x[1] + T(1 - b1) * (g - x[1]);
    y[2] = T(b2) * x[2] + T(1 - b2) * g * g;
    y[0] = y[1] / (slope * sqrt(y[2]) + offset);
  });
}

// Gradient and square.
template <typename T>
__device__ __forceinline__ void rms(const Leaves& leaves, double decay, double epsilon) {
  run<T, 2, 2>(leaves, [=](const T* x, T* y) {
    y[1] = T(decay) * x[1] + T(1 - decay) * x[0] * x[0];
    y[0] = x[0] / (sqrt(y[1]) + T(epsilon));
  });
}

// Gradient and momentum.
template <typename T>
__device__ __forceinline__ void trace(const Leaves& leaves, double decay) {
  run<T, 2, 1>(leaves, [=](const T* x, T* y) { y[0] = T(decay) * x[1] + x[0]; });
}
template <typename T>
__device__ __forceinline__ void nesterov(const Leaves& leaves, double decay) {
  run<T, 2, 2>(leaves, [=](const T* x, T* y) {
    y[1] = T(decay) * x[1] + x[0];
    y[0] = x[0] + T(decay) * y[1];
  });
}

// Gradient and parameter.
template <typename T>
__device__ __forceinline__ void decay(const Leaves& leaves, double rate) {
  run<T, 2, 1>(leaves, [=](const T* x, T* y) { y[0] = x[0] + T(rate) * x[1]; });
}

template <typename T>
__device__ __forceinline__ void scale(const Leaves& leaves, double factor) {
  run<T, 1, 1>(leaves, [=](const T* x, T* y) { y[0] = T(factor) * x[0]; });
}

// Parameter and update.
template <typename T>
__device__ __forceinline__ void add(const Leaves& leaves) {
  run<T, 2, 1>(leaves, [=](const T* x, T* y) { y[0] = x[0] + x[1]; });
}

#define KERNELS(T)                                                                                \
  extern "C" __global__ void adam_##T(const Leaves leaves, const integer* count, double b1,       \
                                      double b2, double epsilon) {                                \
    adam<T>(leaves, count, b1, b2, epsilon);                                                      \
  }                                                                                               \
  extern "C" __global__ void rms_##T(const Leaves leaves, double decay, double epsilon) {         \
    rms<T>(leaves, decay, epsilon);                                                               \
  }                                                                                               \
  extern "C" __global__ void trace_##T(const Leaves leaves, double decay) {                       \
    trace<T>(leaves, decay);                                                                      \
  }                                                                                               \
  extern "C" __global__ void nesterov_##T(const Leaves leaves, double decay) {                    \
    nesterov<T>(leaves, decay);                                                                   \
  }                                                                                               \
  extern "C" __global__ void decay_##T(const Leaves leaves, double rate) {                        \
    decay<T>(leaves, rate);                                                                       \
  }                                                                                               \
  extern "C" __global__ void scale_##T(const Leaves leaves, double factor) {                      \
    scale<T>(leaves, factor);                                                                     \
  }                                                                                               \
  extern "C" __global__ void scale_by_array_##T(const Leaves leaves, const double* factor) {      \
    scale<T>(leaves, *factor);                                                                    \
  }                                                                                               \
  extern "C" __global__ void add_##T(const Leaves leaves) { add<T>(leaves); }

KERNELS(float)
KERNELS(double)
