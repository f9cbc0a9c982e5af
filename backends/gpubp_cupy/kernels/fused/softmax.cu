// Softmax, its logarithm, cross-entropy with it, and their derivatives: see gpubp/rules/fused.

#include "rows.cuh"

// The maximum of a row where that is finite, else 0.
template <typename A, typename T>
__device__ A row_maximum(const T* x, long long n) {
  A top = -__int_as_float(0x7f800000);  // infinity, without a header
  FOR_EACH_COLUMN(j, n) top = larger::of(top, (A)widen(x[j]));
  top = reduce<larger>(top);
  return isfinite(top) ? top : A(0);
}

template <typename A, typename T>
__device__ A row_sum_of_powers(const T* x, long long n, A top) {
  A sum = 0;
  FOR_EACH_COLUMN(j, n) sum += exp(widen(x[j]) - top);
  return reduce<add>(sum);
}

template <typename T>
__device__ void softmax(const T* x, T* y, long long rows, long long n) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    const T* from = x + row_start(row, n);
    T* to = y + row_start(row, n);
    A top = row_maximum<A>(from, n), sum = row_sum_of_powers(from, n, top);
    FOR_EACH_COLUMN(j, n) store(to + j, exp(widen(from[j]) - top) / sum);
  }
}

template <typename T>
__device__ void log_softmax(const T* x, T* y, long long rows, long long n) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    const T* from = x + row_start(row, n);
    T* to = y + row_start(row, n);
    A top = row_maximum<A>(from, n), shift = log(row_sum_of_powers(from, n, top));
    FOR_EACH_COLUMN(j, n) store(to + j, (widen(from[j]) - top) - shift);
  }
}

template <typename T>
__device__ void softmax_slope(const T* t, const T* y, T* out, long long rows, long long n) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    long long first = row_start(row, n);
    A sum = 0;
    FOR_EACH_COLUMN(j, n) sum += times(widen(t[first + j]), widen(y[first + j]));
    sum = reduce<add>(sum);
    FOR_EACH_COLUMN(j, n)
      store(out + first + j, times(widen(y[first + j]), widen(t[first + j]) - sum));
  }
}

template <typename T>
__device__ void log_softmax_slope(const T* ct, const T* y, T* out, long long rows, long long n) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    long long first = row_start(row, n);
    A sum = 0;
    FOR_EACH_COLUMN(j, n) sum += widen(ct[first + j]);
    sum = reduce<add>(sum);
    FOR_EACH_COLUMN(j, n)
      store(out + first + j, widen(ct[first + j]) - times(sum, exp(widen(y[first + j]))));
  }
}

// As everywhere in CuPy, an index out of bounds wraps around.
__device__ inline long long wrapped(long long index, long long n) {
  index %= n;
  return index < 0 ? index + n : index;
}

template <typename T>
__device__ void cross_entropy(const T* x, const long long* target, T* y, long long rows,
                              long long n, double smoothing) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    const T* from = x + row_start(row, n);
    A top = row_maximum<A>(from, n), sum = row_sum_of_powers(from, n, top);
    A chosen = widen(from[wrapped(target[row], n)]) - top;
    if (smoothing != 0) {
      A total = 0;
      FOR_EACH_COLUMN(j, n) total += widen(from[j]) - top;
      chosen = A(1 - smoothing) * chosen + A(smoothing / n) * reduce<add>(total);
    }
    if (threadIdx.x == 0) store(y + row, log(sum) - chosen);
  }
}

template <typename T>
__device__ void cross_entropy_slope(const T* x, const long long* target, const T* ct, T* out,
                                    long long rows, long long n, double smoothing) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    const T* from = x + row_start(row, n);
    T* to = out + row_start(row, n);
    A top = row_maximum<A>(from, n), sum = row_sum_of_powers(from, n, top);
    long long right = wrapped(target[row], n);
    FOR_EACH_COLUMN(j, n) {
      A slope = exp(widen(from[j]) - top) / sum;
      if (j == right) slope -= A(1 - smoothing);
      if (smoothing != 0) slope -= A(smoothing / n);
      store(to + j, times((A)widen(ct[row]), slope));
    }
  }
}

#define KERNELS(name, T)                                                                          \
  extern "C" __global__ void softmax_##name(const T* x, T* y, long long rows, long long n) {      \
    softmax(x, y, rows, n);                                                                       \
  }                                                                                               \
  extern "C" __global__ void log_softmax_##name(const T* x, T* y, long long rows, long long n) {  \
    log_softmax(x, y, rows, n);                                                                   \
  }                                                                                               \
  extern "C" __global__ void softmax_slope_##name(const T* t, const T* y, T* out, long long rows, \
                                                  long long n) {                                  \
    softmax_slope(t, y, out, rows, n);                                                            \
  }                                                                                               \
  extern "C" __global__ void log_softmax_slope_##name(const T* ct, const T* y, T* out,            \
                                                      long long rows, long long n) {              \
    log_softmax_slope(ct, y, out, rows, n);                                                       \
  }                                                                                               \
  extern "C" __global__ void cross_entropy_##name(const T* x, const long long* target, T* y,      \
                                                  long long rows, long long n,                    \
                                                  double smoothing) {                             \
    cross_entropy(x, target, y, rows, n, smoothing);                                              \
  }                                                                                               \
  extern "C" __global__ void cross_entropy_slope_##name(                                          \
      const T* x, const long long* target, const T* ct, T* out, long long rows, long long n,      \
      double smoothing) {                                                                         \
    cross_entropy_slope(x, target, ct, out, rows, n, smoothing);                                  \
  }

FOR_EACH_TYPE(KERNELS)
