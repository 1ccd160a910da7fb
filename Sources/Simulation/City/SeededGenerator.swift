/// Random numbers that are the same for the same seed on every machine: xoshiro256** (Blackman, Vigna), seeded by SplitMix64.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var s0: UInt64
  private var s1: UInt64
  private var s2: UInt64
  private var s3: UInt64

  package init(seed: UInt64) {
    var state = seed
    s0 = SplitMix.next(&state)
    s1 = SplitMix.next(&state)
    s2 = SplitMix.next(&state)
    s3 = SplitMix.next(&state)
  }

  /// A generator of its own for something named, so that adding one device does not change another's numbers.
  package init(seed: UInt64, name: String) { self.init(seed: seed ^ SplitMix.hash(name)) }

  package mutating func next() -> UInt64 {
    let result = rotate(s1 &* 5, 7) &* 9
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = rotate(s3, 45)
    return result
  }

  /// Evenly from 0 up to, not including, 1.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A whole number from 0 up to, not including, `bound`.
  package mutating func below(_ bound: Int64) -> Int64 { bound <= 1 ? 0 : Int64(next() % UInt64(bound)) }

  /// Near enough to a standard normal for sensor noise, within ±6: the sum of twelve uniform numbers, which needs no logarithm
  /// and is therefore the same to the last bit everywhere.
  package mutating func normal() -> Double {
    var sum = -6.0
    for _ in 0..<12 { sum += uniform() }
    return sum
  }

  private func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
}

enum SplitMix {
  static func next(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return mix(state)
  }

  static func mix(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// FNV-1a over the text's UTF-8, mixed: the same in every process, unlike `Hasher`.
  static func hash(_ text: String) -> UInt64 {
    var h: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { h = (h ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return mix(h)
  }
}

/// Noise with a memory: each step forgets a part of the last value, so that neighbouring samples are alike. Stationary deviation 1.
struct AutoregressiveNoise: Sendable {
  private var value = 0.0
  private let memory: Double

  /// - Parameter memory: share of the last value that the next keeps, 0 to 1.
  init(memory: Double) { self.memory = memory }

  mutating func next(_ random: inout SeededGenerator) -> Double {
    value = memory * value + (1 - memory * memory).squareRoot() * random.normal()
    return value
  }
}
