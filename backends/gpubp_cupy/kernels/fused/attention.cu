// Attention by tiles (Dao et al., "FlashAttention", arXiv:2205.14135): the scores live in registers.
//
// A block of WARPS warps owns some rows (queries, or keys for their own derivatives), R for each
// warp, and walks over the others in tiles of 32, one for each lane. Rows and tile lie in shared
// memory, the tile with rows one element longer, so that a column is in 32 banks. Every sum is
// made by one thread or one warp in a fixed order; nothing is added with atomics.

#include "rows.cuh"

const int TILE = 32, WARPS = 4;
const unsigned ALL = 0xffffffffu;

template <typename A> __device__ A lowest();
template <> __device__ inline float lowest<float>() { return -3.402823466e38f; }
template <> __device__ inline double lowest<double>() { return -1.7976931348623157e308; }

template <typename Op, typename A>
__device__ A reduce_warp(A value) {
  for (int offset = 16; offset > 0; offset /= 2)
    value = Op::of(value, __shfl_xor_sync(ALL, value, offset));
  return value;
}

// Where a query may look. A stride of 0 stands for an axis that the mask has not.
struct Visible {
  const bool* mask;  // may be null
  long long inner, by_outer, by_inner, by_query, by_key;
  bool causal;

  __device__ __forceinline__ bool at(long long example, long long i, long long j) const {
    if (causal && j > i) return false;
    return !mask || mask[example / inner * by_outer + example % inner * by_inner + i * by_query +
                         j * by_key];
  }
  // With a mask, a query that sees nothing has the mean of all values, those ahead too.
  __device__ __forceinline__ bool nothing_ahead() const { return causal && !mask; }
};

// Rows first, first + 1, ... of an example, as rows of D elements, with zeros where there is none.
template <int D, int STRIDE, typename A>
__device__ __forceinline__ void load(A* to, int rows, const A* from, long long example, long long first,
                     long long length, int depth, A factor) {
  for (int e = threadIdx.y * 32 + threadIdx.x; e < rows * D; e += 32 * WARPS) {
    int r = e / D, c = e % D;
    bool there = first + r < length && c < depth;
    to[r * STRIDE + c] = there ? from[(example * length + first + r) * depth + c] * factor : A(0);
  }
}

template <typename A, int D, int R>
__device__ __forceinline__ void attention(const A* q, const A* k, const A* v, A* out, A* lse, long long count,
                          long long length, long long source, int depth, int width, A scale,
                          Visible visible) {
  const int ROWS = WARPS * R, C = D / 32;
  __shared__ A queries[ROWS * D], keys[TILE * (D + 1)], values[TILE * D];
  int lane = threadIdx.x, own = threadIdx.y * R;
  long long tiles = (length + ROWS - 1) / ROWS;
  for (long long block = blockIdx.x; block < count * tiles; block += gridDim.x) {
    long long example = block / tiles, first = block % tiles * ROWS;
    __syncthreads();
    load<D, D>(queries, ROWS, q, example, first, length, depth, scale);
    A top[R], sum[R], mixed[R][C];
    for (int r = 0; r < R; ++r) {
      top[r] = -A(__int_as_float(0x7f800000));
      sum[r] = 0;
      for (int c = 0; c < C; ++c) mixed[r][c] = 0;
    }
    long long end = visible.nothing_ahead() ? min(source, first + ROWS) : source;
    for (long long start = 0; start < end; start += TILE) {
      __syncthreads();
      load<D, D + 1>(keys, TILE, k, example, start, source, depth, A(1));
      load<D, D>(values, TILE, v, example, start, source, width, A(1));
      __syncthreads();
      A power[R];
      for (int r = 0; r < R; ++r) power[r] = 0;
      for (int c = 0; c < D; ++c) {
        A key = keys[lane * (D + 1) + c];
        for (int r = 0; r < R; ++r) power[r] += queries[(own + r) * D + c] * key;
      }
      long long j = start + lane;
      for (int r = 0; r < R; ++r) {
        long long i = first + own + r;
        A score = -A(__int_as_float(0x7f800000));
        if (j < source) score = i < length && !visible.at(example, i, j) ? lowest<A>() : power[r];
        A before = top[r];
        top[r] = larger::of(before, reduce_warp<larger>(score));
        A shrunk = exp(before - top[r]);
        power[r] = exp(score - top[r]);
        sum[r] = sum[r] * shrunk + power[r];
        for (int c = 0; c < C; ++c) mixed[r][c] *= shrunk;
      }
      for (int l = 0; l < TILE; ++l)
        for (int r = 0; r < R; ++r) {
          A weight = __shfl_sync(ALL, power[r], l);
          for (int c = 0; c < C; ++c) mixed[r][c] += weight * values[l * D + c * 32 + lane];
        }
    }
    for (int r = 0; r < R; ++r) {
      long long i = first + own + r;
      A total = reduce_warp<add>(sum[r]);
      if (i >= length) continue;
      for (int c = 0; c < C; ++c)
        if (c * 32 + lane < width)
          out[(example * length + i) * width + c * 32 + lane] = mixed[r][c] / total;
      if (lane == 0) lse[example * length + i] = top[r] + log(total);
    }
  }
}

// The cotangents of queries (OF_KEYS false), or of keys and values: weights and their cotangents
// are the same either way, only that the others' tile is of keys or of queries.
template <typename A, int D, int R, bool OF_KEYS>
__device__ __forceinline__ void attention_slope(const A* ct, const A* delta, const A* lse, const A* q, const A* k,
                                const A* v, A* dx, A* dv, long long count, long long length,
                                long long source, int depth, int width, A scale,
                                Visible visible) {
  const int ROWS = WARPS * R, C = D / 32;
  __shared__ A rows_x[ROWS * D], rows_y[ROWS * D];            // q and ct, or k and v
  __shared__ A tile_x[TILE * (D + 1)], tile_y[TILE * (D + 1)];  // k and v, or q and ct
  int lane = threadIdx.x, own = threadIdx.y * R;
  long long mine = OF_KEYS ? source : length, others = OF_KEYS ? length : source;
  long long tiles = (mine + ROWS - 1) / ROWS;
  for (long long block = blockIdx.x; block < count * tiles; block += gridDim.x) {
    long long example = block / tiles, first = block % tiles * ROWS;
    __syncthreads();
    load<D, D>(rows_x, ROWS, OF_KEYS ? k : q, example, first, mine, depth, scale);
    load<D, D>(rows_y, ROWS, OF_KEYS ? v : ct, example, first, mine, width, A(1));
    A total_x[R][C], total_y[R][C];
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < C; ++c) total_x[r][c] = total_y[r][c] = 0;
    long long begin = 0, end = others;
    if (visible.nothing_ahead()) {
      if (OF_KEYS) begin = first / TILE * TILE;
      else end = min(others, first + ROWS);
    }
    for (long long start = begin; start < end; start += TILE) {
      __syncthreads();
      load<D, D + 1>(tile_x, TILE, OF_KEYS ? q : k, example, start, others, depth, A(1));
      load<D, D + 1>(tile_y, TILE, OF_KEYS ? ct : v, example, start, others, width, A(1));
      __syncthreads();
      A weight[R], slope[R];
      for (int r = 0; r < R; ++r) weight[r] = slope[r] = 0;
      for (int c = 0; c < D; ++c) {
        A x = tile_x[lane * (D + 1) + c], y = tile_y[lane * (D + 1) + c];
        for (int r = 0; r < R; ++r) {
          weight[r] += rows_x[(own + r) * D + c] * x;
          slope[r] += rows_y[(own + r) * D + c] * y;
        }
      }
      for (int r = 0; r < R; ++r) {
        long long row = first + own + r, other = start + lane;
        long long i = OF_KEYS ? other : row, j = OF_KEYS ? row : other;
        if (i < length && j < source) {
          bool seen = visible.at(example, i, j);
          A sums = lse[example * length + i];
          // Beside the lowest number, the logarithm of their number was lost in rounding.
          A score = seen ? weight[r] : lowest<A>();
          weight[r] = sums == lowest<A>() ? A(1) / source : exp(score - sums);
          slope[r] = seen ? weight[r] * (slope[r] - delta[example * length + i]) : A(0);
        } else {
          weight[r] = slope[r] = 0;
        }
      }
      for (int l = 0; l < TILE; ++l)
        for (int r = 0; r < R; ++r) {
          A s = __shfl_sync(ALL, slope[r], l), w = __shfl_sync(ALL, weight[r], l);
          for (int c = 0; c < C; ++c) {
            total_x[r][c] += s * tile_x[l * (D + 1) + c * 32 + lane];
            if (OF_KEYS) total_y[r][c] += w * tile_y[l * (D + 1) + c * 32 + lane];
          }
        }
    }
    for (int r = 0; r < R; ++r) {
      long long row = first + own + r;
      if (row >= mine) continue;
      for (int c = 0; c < C; ++c) {
        int column = c * 32 + lane;
        if (column < depth) dx[(example * mine + row) * depth + column] = total_x[r][c] * scale;
        if (OF_KEYS && column < width)
          dv[(example * mine + row) * width + column] = total_y[r][c];
      }
    }
  }
}

#define SIZES                                                                                     \
  long long count, long long length, long long source, int depth, int width, double scale,        \
      const bool *mask, long long inner, long long by_outer, long long by_inner,                  \
      long long by_query, long long by_key, bool causal
#define VISIBLE Visible{mask, inner, by_outer, by_inner, by_query, by_key, causal}

#define KERNELS(A, D)                                                                             \
  extern "C" __global__ void __launch_bounds__(32 * WARPS)                                        \
      attention_##A##_##D(const A* q, const A* k, const A* v, A* out, A* lse, SIZES) {            \
    attention<A, D, 4>(q, k, v, out, lse, count, length, source, depth, width, (A)scale,          \
                       VISIBLE);                                                                  \
  }                                                                                               \
  extern "C" __global__ void __launch_bounds__(32 * WARPS)                                        \
      attention_slope_q_##A##_##D(const A* ct, const A* delta, const A* lse, const A* q,          \
                                  const A* k, const A* v, A* dq, SIZES) {                         \
    attention_slope<A, D, 2, false>(ct, delta, lse, q, k, v, dq, (A*)0, count, length, source,    \
                                    depth, width, (A)scale, VISIBLE);                             \
  }                                                                                               \
  extern "C" __global__ void __launch_bounds__(32 * WARPS)                                        \
      attention_slope_kv_##A##_##D(const A* ct, const A* delta, const A* lse, const A* q,         \
                                   const A* k, const A* v, A* dk, A* dv, SIZES) {                 \
    attention_slope<A, D, 2, true>(ct, delta, lse, q, k, v, dk, dv, count, length, source, depth, \
                                   width, (A)scale, VISIBLE);                                     \
  }

KERNELS(float, 32)
KERNELS(float, 64)
KERNELS(float, 128)
KERNELS(double, 32)
KERNELS(double, 64)
