// What kernels over rows share: element types, and reductions by the threads of one row.
//
// blockDim.x threads (a multiple of 32) work on a row, blockDim.y rows are in a block; more than
// one only if a row's threads are one warp, which needs no barrier. Where a kernel reads a row more
// than once, all but the first time it comes from the cache.

struct half_bits { unsigned short bits; };  // float16 without headers of the toolkit

__device__ inline float widen(half_bits x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
__device__ inline float widen(float x) { return x; }
__device__ inline double widen(double x) { return x; }

__device__ inline void store(half_bits* to, float x) {
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to->bits) : "f"(x));
}
__device__ inline void store(float* to, float x) { *to = x; }
__device__ inline void store(double* to, double x) { *to = x; }

template <typename T> struct wide { typedef T type; };  // what is computed with
template <> struct wide<half_bits> { typedef float type; };

// Where row `row` of rows of `n` elements begins; there may be more than 2^31 elements.
__device__ inline long long row_start(long long row, long long n) { return row * n; }

#define FOR_EACH_ROW(row, rows)                                                                   \
  for (long long row = (long long)blockIdx.x * blockDim.y + threadIdx.y; row < rows;              \
       row += (long long)gridDim.x * blockDim.y)
#define FOR_EACH_COLUMN(j, n) for (long long j = threadIdx.x; j < n; j += blockDim.x)

struct add { template <typename A> static __device__ A of(A a, A b) { return a + b; } };
struct larger { template <typename A> static __device__ A of(A a, A b) { return a < b ? b : a; } };

// The values of all threads of a row combined, in an order that never changes.
template <typename Op, typename A>
__device__ A reduce(A value) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value = Op::of(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  if (blockDim.x > 32) {
    __shared__ A parts[32];
    __syncthreads();  // the reduction before this one may still be reading
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    value = parts[0];
    for (int warp = 1; warp < blockDim.x / 32; ++warp) value = Op::of(value, parts[warp]);
  }
  return value;
}

template <typename A> __device__ A times(A a, A b) { return a == 0 || b == 0 ? A(0) : a * b; }

#define FOR_EACH_TYPE(KERNEL)                                                                     \
  KERNEL(half, half_bits) KERNEL(float, float) KERNEL(double, double)
