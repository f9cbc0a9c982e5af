// Philox4x32-10: see gpubp.random for what is computed. One thread makes one block of four words,
// and goes on with another where there are more blocks than threads.

#include "philox.cuh"

__device__ void make_elements(uint4 w, int nbits, int (&e)[4]) {  // nbits < 32
  e[0] = w.x >> (32 - nbits);
  e[1] = w.y >> (32 - nbits);
  e[2] = w.z >> (32 - nbits);
  e[3] = w.w >> (32 - nbits);
}

__device__ void make_elements(uint4 w, int, long long (&e)[4]) {  // nbits == 32
  e[0] = w.x;
  e[1] = w.y;
  e[2] = w.z;
  e[3] = w.w;
}

__device__ void make_elements(uint4 w, int nbits, long long (&e)[2]) {  // nbits > 32
  e[0] = (((unsigned long long)w.x << 32) | w.y) >> (64 - nbits);
  e[1] = (((unsigned long long)w.z << 32) | w.w) >> (64 - nbits);
}

// Blocks first, first + 1, ... of each of `rows` keys, as `count` elements a key. A key is
// `key_words` words of 32 bits: two, or four with the upper half of the counter.
template <typename Element, int per_block>
__device__ void random_bits(const long long* keys, int key_words, long long rows, long long first,
                     long long count, int nbits, Element* out) {
  long long blocks = (count + per_block - 1) / per_block;
  long long stride = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < rows * blocks;
       i += stride) {
    long long row = rows == 1 ? 0 : i / blocks;
    long long block = i - row * blocks;
    const long long* key = keys + row * key_words;
    unsigned long long index = (unsigned long long)(first + block);
    uint4 counter = make_uint4((unsigned)index, (unsigned)(index >> 32),
                               key_words == 4 ? (unsigned)key[2] : 0u,
                               key_words == 4 ? (unsigned)key[3] : 0u);
    Element e[per_block];
    make_elements(philox(counter, (unsigned)key[0], (unsigned)key[1]), nbits, e);
    Element* to = out + row * count + block * per_block;
    for (int j = 0; j < per_block; ++j) {
      if (block * per_block + j < count) to[j] = e[j];
    }
  }
}

#define KERNEL(name, Element, per_block)                                                           \
  extern "C" __global__ void name(const long long* keys, int key_words, long long rows,            \
                                  long long first, long long count, int nbits, Element* out) {     \
    random_bits<Element, per_block>(keys, key_words, rows, first, count, nbits, out);              \
  }

KERNEL(random_int32, int, 4)        // nbits < 32
KERNEL(random_word, long long, 4)   // nbits == 32
KERNEL(random_int64, long long, 2)  // nbits > 32
