// SHA-256 for pages that are not served over https, where the browser has none.

const K = new Uint32Array(64);
const START = new Uint32Array(8);

// The constants are the first bits of the roots of the first 64 primes.
for (let candidate = 2, count = 0; count < 64; candidate += 1) {
  let isPrime = true;
  for (let by = 2; by * by <= candidate; by += 1) {
    if (candidate % by === 0) isPrime = false;
  }
  if (!isPrime) continue;
  const bits = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
  if (count < 8) START[count] = bits(Math.sqrt(candidate));
  K[count] = bits(Math.cbrt(candidate));
  count += 1;
}

const BLOCK = 64;

/** Takes bytes piece by piece, so that no file has to be in memory as a whole. */
export class Sha256 {
  #state = START.slice();
  #words = new Uint32Array(64);
  #rest = new Uint8Array(BLOCK);
  #filled = 0;
  #length = 0;

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.#length += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      const taken = Math.min(BLOCK - this.#filled, bytes.length - at);
      this.#rest.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === BLOCK) {
        this.#mix(new DataView(this.#rest.buffer));
        this.#filled = 0;
      }
    }
  }

  /** @returns {Uint8Array} 32 bytes; nothing can be added afterwards */
  digest() {
    const bits = this.#length * 8;
    const padding = new Uint8Array(this.#filled < 56 ? 64 - this.#filled : 128 - this.#filled);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    const out = new DataView(new ArrayBuffer(32));
    this.#state.forEach((word, index) => out.setUint32(index * 4, word));
    return new Uint8Array(out.buffer);
  }

  /** @param {DataView} block */
  #mix(block) {
    const w = this.#words;
    for (let i = 0; i < 16; i += 1) w[i] = block.getUint32(i * 4);
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
      const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = this.#state;
    for (let i = 0; i < 64; i += 1) {
      const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
      const one = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, index) => {
      this.#state[index] += word;
    });
  }
}

const turn = (word, by) => (word >>> by) | (word << (32 - by));
