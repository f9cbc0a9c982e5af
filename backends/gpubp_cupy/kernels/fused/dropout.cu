// Dropout by the words of gpubp.random.bernoulli, and what to keep for the way back. One thread makes
// the four words of a block, and the four elements that they decide about.

#include "rows.cuh"
#include "../philox.cuh"

const int DROPPED_BITS = 2;  // of a word's 32: the other 30 are compared

// Element `e` of the row that a key decides about; there may be more than 2^31.
__device__ inline long long element(long long row, long long count, long long e) {
  return row * count + e;
}

template <typename T>
__device__ void dropout(const T* x, const long long* keys, T* y, bool* kept, long long rows,
                        long long count, unsigned threshold, double keep) {
  typedef typename wide<T>::type A;
  long long blocks = (count + 3) / 4, stride = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < rows * blocks;
       i += stride) {
    long long row = i / blocks, block = i % blocks;
    const long long* key = keys + row * 2;
    uint4 counter = make_uint4((unsigned)block, (unsigned)(block >> 32), 0u, 0u);
    uint4 words = philox(counter, (unsigned)key[0], (unsigned)key[1]);
    unsigned word[4] = {words.x, words.y, words.z, words.w};
    for (int j = 0; j < 4; ++j) {
      if (block * 4 + j >= count) break;
      long long at = element(row, count, block * 4 + j);
      bool keeps = word[j] >> DROPPED_BITS < threshold;
      kept[at] = keeps;
      store(y + at, keeps ? A(widen(x[at]) / A(keep)) : A(0));
    }
  }
}

template <typename T>
__device__ void dropout_slope(const T* t, const bool* kept, T* out, long long count, double keep) {
  typedef typename wide<T>::type A;
  long long stride = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride)
    store(out + i, kept[i] ? A(widen(t[i]) / A(keep)) : A(0));
}

#define KERNELS(name, T)                                                                          \
  extern "C" __global__ void dropout_##name(const T* x, const long long* keys, T* y, bool* kept,  \
                                            long long rows, long long count, unsigned threshold,  \
                                            double keep) {                                        \
    dropout(x, keys, y, kept, rows, count, threshold, keep);                                      \
  }                                                                                               \
  extern "C" __global__ void dropout_slope_##name(const T* t, const bool* kept, T* out,           \
                                                  long long count, double keep) {                 \
    dropout_slope(t, kept, out, count, keep);                                                     \
  }

FOR_EACH_TYPE(KERNELS)
