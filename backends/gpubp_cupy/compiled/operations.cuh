// What kernels' steps need beyond CUDA's own functions, with NumPy's semantics: NaN is propagated
// by maximum and minimum, remainders take the divisor's sign, a zero factor wins over infinity.
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

template <typename T> __device__ inline T maximum(T a, T b) { return a != a || a > b ? a : b; }
template <typename T> __device__ inline T minimum(T a, T b) { return a != a || a < b ? a : b; }
template <typename T> __device__ inline T multiply_no_nan(T a, T b) {
    return a == T(0) || b == T(0) ? T(0) : a * b;
}
template <typename T> __device__ inline T divide_no_nan(T a, T b) {
    return a == T(0) ? T(0) : a / b;
}
template <typename T> __device__ inline T sign_of(T x) {
    return x != x ? x : T((T(0) < x) - (x < T(0)));
}
template <typename T> __device__ inline T expit(T x) { return T(1) / (T(1) + exp(-x)); }
template <typename T> __device__ inline T log_expit(T x) {
    return (x < T(0) ? x : T(0)) - log1p(exp(-fabs(x)));
}
template <typename T> __device__ inline T logaddexp(T a, T b) {
    if (a == b) return a + T(0.69314718055994530942);
    T d = a - b;
    return d > T(0) ? a + log1p(exp(-d)) : d <= T(0) ? b + log1p(exp(d)) : d;
}

template <typename T> __device__ inline T floor_divide_floats(T a, T b) {
    T m = fmod(a, b), q = (a - m) / b;
    if (m != T(0) && (b < T(0)) != (m < T(0))) q -= T(1);
    if (b == T(0)) return a / b;
    if (q == T(0)) return copysign(T(0), a / b);
    T f = floor(q);
    return q - f > T(0.5) ? f + T(1) : f;
}
template <typename T> __device__ inline T remainder_floats(T a, T b) {
    T m = fmod(a, b);
    if (m == T(0)) return copysign(T(0), b);
    return (b < T(0)) != (m < T(0)) ? m + b : m;
}
template <typename T> __device__ inline T floor_divide(T a, T b) {
    if (b == T(0)) return T(0);
    T q = a / b;
    return q * b != a && (a < T(0)) != (b < T(0)) ? q - T(1) : q;
}
template <typename T> __device__ inline T remainder_of(T a, T b) {
    if (b == T(0)) return T(0);
    T m = a % b;
    return m != T(0) && (m < T(0)) != (b < T(0)) ? m + b : m;
}
// These are preferred to the templates, which are for integers.
__device__ inline float floor_divide(float a, float b) { return floor_divide_floats(a, b); }
__device__ inline double floor_divide(double a, double b) { return floor_divide_floats(a, b); }
__device__ inline float remainder_of(float a, float b) { return remainder_floats(a, b); }
__device__ inline double remainder_of(double a, double b) { return remainder_floats(a, b); }
template <typename T> __device__ inline T integer_pow(T a, T b) {
    T y = T(1);
    for (; b > T(0); b >>= 1, a *= a)
        if (b & T(1)) y *= a;
    return y;
}

struct Sum { template <typename T> static __device__ T join(T a, T b) { return a + b; } };
struct Product { template <typename T> static __device__ T join(T a, T b) { return a * b; } };
struct Max { template <typename T> static __device__ T join(T a, T b) { return maximum(a, b); } };
struct Min { template <typename T> static __device__ T join(T a, T b) { return minimum(a, b); } };
struct All { template <typename T> static __device__ T join(T a, T b) { return a && b; } };
struct Any { template <typename T> static __device__ T join(T a, T b) { return a || b; } };

// Over `width` neighbouring threads: a power of two up to 32, or whole warps that are the block.
// The order is fixed, so the bits are. Every thread gets the result.
template <typename Op, int width, typename T> __device__ inline T reduce(T x) {
    const int lanes = width < 32 ? width : 32;
    for (int step = lanes / 2; step > 0; step /= 2)
        x = Op::join(x, T(__shfl_xor_sync(0xffffffffu, x, step, lanes)));
    if (width <= 32) return x;
    __shared__ T parts[32];
    __syncthreads();  // the parts of an earlier reduction have been read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    x = parts[0];
    for (int i = 1; i < width / 32; ++i) x = Op::join(x, parts[i]);
    return x;
}

// Whether this block is the last of `blocks` to get here; what the others wrote before can be read.
__device__ inline bool last_of(unsigned* counter, unsigned blocks) {
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicInc(counter, blocks - 1) == blocks - 1;  // wraps to 0
    __syncthreads();
    if (last) __threadfence();
    return last;
}
