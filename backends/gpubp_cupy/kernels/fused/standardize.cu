// Zero mean and unit variance of rows, and the derivative: see gpubp/rules/fused/standardize.py.

#include "rows.cuh"

template <typename T>
__device__ void standardize(const T* x, T* y, T* scale, long long rows, long long n,
                            double epsilon) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    const T* from = x + row_start(row, n);
    T* to = y + row_start(row, n);
    A sum = 0, squares = 0;
    FOR_EACH_COLUMN(j, n) sum += widen(from[j]);
    A mean = reduce<add>(sum) / n;
    FOR_EACH_COLUMN(j, n) {
      A centred = widen(from[j]) - mean;
      squares += centred * centred;
    }
    A factor = 1 / sqrt(reduce<add>(squares) / n + A(epsilon));
    FOR_EACH_COLUMN(j, n) store(to + j, (widen(from[j]) - mean) * factor);
    if (threadIdx.x == 0) store(scale + row, factor);
  }
}

template <typename T>
__device__ void standardize_slope(const T* t, const T* y, const T* scale, T* out, long long rows,
                                  long long n) {
  typedef typename wide<T>::type A;
  FOR_EACH_ROW(row, rows) {
    long long first = row_start(row, n);
    A sum = 0, along = 0;
    FOR_EACH_COLUMN(j, n) {
      A dx = widen(t[first + j]);
      sum += dx;
      along += times(dx, (A)widen(y[first + j]));
    }
    A mean = reduce<add>(sum) / n;
    along = reduce<add>(along) / n;
    A factor = widen(scale[row]);
    FOR_EACH_COLUMN(j, n) {
      A rest = widen(t[first + j]) - mean - times((A)widen(y[first + j]), along);
      store(out + first + j, times(factor, rest));
    }
  }
}

#define KERNELS(name, T)                                                                          \
  extern "C" __global__ void standardize_##name(const T* x, T* y, T* scale, long long rows,       \
                                                long long n, double epsilon) {                    \
    standardize(x, y, scale, rows, n, epsilon);                                                   \
  }                                                                                               \
  extern "C" __global__ void standardize_slope_##name(const T* t, const T* y, const T* scale,     \
                                                      T* out, long long rows, long long n) {      \
    standardize_slope(t, y, scale, out, rows, n);                                                 \
  }

FOR_EACH_TYPE(KERNELS)
