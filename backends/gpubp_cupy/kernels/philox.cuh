// Philox4x32-10: four random words from a counter of four and a key of two.

__device__ uint4 philox(uint4 c, unsigned k0, unsigned k1) {
  for (int round = 0; round < 10; ++round) {
    unsigned long long p = 0xD2511F53ULL * c.x, q = 0xCD9E8D57ULL * c.z;
    c = make_uint4((unsigned)(q >> 32) ^ c.y ^ k0, (unsigned)q,
                   (unsigned)(p >> 32) ^ c.w ^ k1, (unsigned)p);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}
