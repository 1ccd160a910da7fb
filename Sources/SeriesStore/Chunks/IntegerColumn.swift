// A column of whole numbers, whose count its reader knows. z = zig-zag LEB128, fixed widths little endian.
//
//   +-----------+---------+---------------------------------------------------------------+
//   | 2 bytes   | form    | bits 0–5 table, 6–11 shift, 12–13 predictor; the rest is 0    |
//   | z         | first   | the first number                                              |
//   | z         | step    | for a line and for differences of differences                 |
//   +-----------+---------+---------------------------------------------------------------+
//   | 4 bytes   | state   | } not for a line                                              |
//   | n × 2     | words   | } range asymmetric numeral systems, 12-bit tables             |
//   | to the end| raw     | } bits, read from the column's last byte backwards            |
//   +-----------+---------+---------------------------------------------------------------+
//
// A number is what its predictor says, and a residual r. With h half of 2 to the shift (0 for none), the table has a symbol for
// (r + h) >> shift, and the low `shift` bits of r + h are raw. The table's escape stands for any other residual: 6 raw bits say how many
// less one, and so many are its zig-zag form. All arithmetic wraps.

/// What a number is expected to be, from those before it.
enum Predictor: UInt16, CaseIterable {
  /// As the one before: slow measurements.
  case difference = 0
  /// As far from the one before as that from its predecessor: meters.
  case differenceOfDifferences = 1
  /// The mean of those before, each counting for an eighth: noise around a level.
  case mean = 2
  /// The first, and so many steps: constants and regular times. It has no residuals.
  case line = 3
}

/// The mean that `Predictor.mean` keeps, in sixteenths.
struct RunningMean {
  private var sixteenths: Int64
  init(_ first: Int64) { sixteenths = first &<< 4 }
  @inline(__always) var prediction: Int64 { (sixteenths &+ 8) >> 4 }
  @inline(__always) mutating func take(_ value: Int64) { sixteenths = sixteenths &+ ((value &<< 4) &- sixteenths) >> 3 }
}

/// Writes columns, each in the form that is the shortest for it. Keeps its memory from one to the next.
package struct IntegerEncoder: ~Copyable {
  private static let shiftMax = 48
  /// Residuals are shifted until their mean magnitude is below this: the tables are for small numbers.
  private static let meanMax: UInt64 = 8

  private struct Form {
    var predictor: Predictor
    var table = 0
    var shift = 0
    /// In 1/256 bit.
    var cost = Int64.max
  }

  private static let tried = [Predictor.difference, .differenceOfDifferences, .mean]

  private var residuals: [Int64] = []
  private var residualCount = 0
  /// How often each symbol is among them.
  private var counts = [Int32](repeating: 0, count: ResidualTable.escape + 1)
  /// What the column costs with each table.
  private var costs = [Int32](repeating: 0, count: ResidualTable.all.count)
  private var symbols: [UInt8] = []
  private var words: [UInt16] = []
  private var raw = BitWriter()
  private var column = ByteColumn()

  package init() {}

  /// - Parameter values: one or more.
  /// - Returns: the column's bytes, valid until the next call.
  package mutating func encode(_ values: [Int64]) -> UnsafeRawBufferPointer {
    var filled = ByteColumn(capacity: 16)
    swap(&filled, &column)  // one cannot be changed through the other's owner
    filled.removeAll()
    encode(values, into: &filled)
    swap(&filled, &column)
    return unsafe column.bytes
  }

  /// Appends them to a column of the caller's.
  mutating func encode(_ values: [Int64], into column: inout ByteColumn) {
    precondition((1...ANS.countMax).contains(values.count), "a column has numbers, and no more than its readers take")
    let form = Self.isLine(values) ? Form(predictor: .line) : shortest(values)
    column.append(fixed: UInt16(form.table) | UInt16(form.shift) << 6 | form.predictor.rawValue << 12)
    column.append(signed: values[0])
    if form.predictor == .line || form.predictor == .differenceOfDifferences {
      column.append(signed: values.count > 1 ? values[1] &- values[0] : 0)
    }
    if form.predictor == .line { return }
    predict(values, form.predictor)
    split(form, ResidualTable.all[form.table])
    append(ResidualTable.all[form.table], to: &column)
    raw.finish(into: &column)
  }

  private static func isLine(_ values: [Int64]) -> Bool {
    guard values.count > 2 else { return true }
    let step = values[1] &- values[0]
    for place in 2..<values.count where values[place] &- values[place - 1] != step { return false }
    return true
  }

  /// Fills `residuals`.
  ///
  /// - Returns: the sum of their magnitudes, large ones cut.
  @discardableResult
  private mutating func predict(_ values: [Int64], _ predictor: Predictor) -> UInt64 {
    let known = predictor == .differenceOfDifferences ? 2 : 1
    residualCount = values.count - known
    if residuals.count < values.count { residuals = Array(repeating: 0, count: values.count) }
    // Safe: places of `values` from the first that is predicted on, and so many residuals. Through the array each would cost more than
    // all the rest.
    return unsafe values.withUnsafeBufferPointer { values in
      unsafe residuals.withUnsafeMutableBufferPointer { residuals in
        var sum: UInt64 = 0
        func put(_ residual: Int64, _ place: Int) {
          unsafe residuals[place] = residual
          sum &+= min(residual.magnitude, 1 << 48)
        }
        switch predictor {
        case .difference: for place in 1..<values.count { put(unsafe values[place] &- values[place - 1], place - 1) }
        case .differenceOfDifferences:
          for place in 2..<values.count { put(unsafe values[place] &- 2 &* values[place - 1] &+ values[place - 2], place - 2) }
        case .mean:
          var mean = unsafe RunningMean(values[0])
          for place in 1..<values.count {
            put(unsafe values[place] &- mean.prediction, place - 1)
            mean.take(unsafe values[place])
          }
        case .line: break
        }
        return sum
      }
    }
  }

  private mutating func shortest(_ values: [Int64]) -> Form {
    var best = Form(predictor: .difference)
    for predictor in Self.tried {
      let mean = predict(values, predictor) / UInt64(residualCount)
      let least = Self.leastShift(mean)
      for shift in max(0, least - 1)...least { best = cheapest(predictor, shift, below: best) }
    }
    return best
  }

  private static func leastShift(_ mean: UInt64) -> Int {
    var shift = 0
    while mean >> UInt64(shift) > meanMax, shift < shiftMax { shift += 1 }
    return shift
  }

  /// The table that fits, where one is shorter than `best`.
  private mutating func cheapest(_ predictor: Predictor, _ shift: Int, below best: Form) -> Form {
    count(shift)
    addCosts()
    let raw = Int64(residualCount * shift) << 8
    var best = best
    for place in costs.indices where raw + Int64(costs[place]) < best.cost {
      best = Form(predictor: predictor, table: place, shift: shift, cost: raw + Int64(costs[place]))
    }
    return best
  }

  /// How often each symbol is among the residuals.
  private mutating func count(_ shift: Int) {
    let half = Self.half(shift)
    unsafe counts.withUnsafeMutableBufferPointer { counts in
      unsafe residuals.withUnsafeBufferPointer { residuals in
        // Safe: there is a count for each symbol, and there are so many residuals.
        unsafe counts.update(repeating: 0)
        for place in 0..<residualCount {
          unsafe counts[Self.symbol((residuals[place] &+ half) >> Int64(shift))] &+= 1
        }
      }
    }
  }

  /// Of all tables at once, in vectors. 65,536 numbers of at most 28 bits each are below 2^29 of the unit, which is 1/256 bit.
  private mutating func addCosts() {
    let tables = ResidualTable.all.count
    for place in 0..<tables { costs[place] = 0 }
    unsafe costs.withUnsafeMutableBufferPointer { sums in
      unsafe ResidualTable.costs.withUnsafeBufferPointer { all in
        for symbol in 0...ResidualTable.escape where counts[symbol] > 0 {
          let count = counts[symbol]
          // Safe: there are as many sums as tables, and as many costs as symbols and tables.
          for place in 0..<tables { unsafe sums[place] &+= count &* all[symbol &* tables &+ place] }
        }
      }
    }
  }

  private static func half(_ shift: Int) -> Int64 { shift == 0 ? 0 : 1 << Int64(shift - 1) }

  @inline(__always) private static func symbol(_ number: Int64) -> Int {
    let reach = Int64(ResidualTable.reach)
    return number >= -reach && number <= reach ? Int(number + reach) : ResidualTable.escape
  }

  /// Residuals into symbols and raw bits.
  private mutating func split(_ form: Form, _ table: ResidualTable) {
    symbols.removeAll(keepingCapacity: true)
    raw.removeAll()
    let half = Self.half(form.shift)
    let low = (UInt64(1) << UInt64(form.shift)) - 1
    for residual in residuals.prefix(residualCount) {
      let centred = residual &+ half
      let symbol = Self.symbol(centred >> Int64(form.shift))
      if symbol != ResidualTable.escape, table.frequency[symbol] > 0 {
        symbols.append(UInt8(symbol))
        raw.put(UInt64(bitPattern: centred) & low, form.shift)
      } else {
        symbols.append(UInt8(ResidualTable.escape))
        let zigzag = UInt64(bitPattern: (residual << 1) ^ (residual >> 63))
        let count = max(1, 64 - zigzag.leadingZeroBitCount)
        raw.put(UInt64(count - 1), 6)
        raw.putLong(zigzag, count)
      }
    }
  }

  /// The symbols from the last to the first, so that they are read from the first to the last.
  private mutating func append(_ table: ResidualTable, to column: inout ByteColumn) {
    words.removeAll(keepingCapacity: true)
    var state = ANS.least
    for symbol in symbols.reversed() {
      let (frequency, start) = (table.frequency[Int(symbol)], table.start[Int(symbol)])
      if UInt64(state) >= UInt64(frequency) << UInt64(32 - ResidualTable.precision) {
        words.append(UInt16(truncatingIfNeeded: state))
        state >>= 16
      }
      state = (state / frequency) << UInt32(ResidualTable.precision) + state % frequency + start
    }
    column.append(fixed: state)
    for word in words.reversed() { column.append(fixed: word) }
  }
}

enum ANS {
  /// Numbers of a column at most: a few bytes can stand for any number of equal ones.
  static let countMax = 65_536
  /// A state is at least this between two symbols, and exactly this where a writer begins and a reader ends.
  static let least = UInt32(1) << 16
}

package enum IntegerDecoder {
  /// Reads a column that ends where `bytes` end.
  ///
  /// - Parameters:
  ///   - count: how many numbers there are, one or more; beyond `ANS.countMax` there is no such column.
  ///   - values: gets them in place of what it holds.
  /// - Throws: where these are not the bytes of a column of so many.
  package static func decode(_ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int64]) throws(ChunkFault) {
    values.removeAll(keepingCapacity: true)
    guard count <= ANS.countMax else { throw .structure }
    var scan = unsafe ByteScanner(bytes)
    guard let form = scan.fixed(UInt16.self), form >> 14 == 0, let predictor = Predictor(rawValue: form >> 12), let first = scan.signed()
    else { throw .structure }
    let (table, shift) = (Int(form & 63), Int(form >> 6 & 63))
    var step: Int64 = 0
    if predictor == .line || predictor == .differenceOfDifferences {
      guard let given = scan.signed() else { throw .structure }
      step = given
    }
    if predictor == .line {
      guard scan.remaining == 0, form & 0xfff == 0 else { throw .structure }
      for place in 0..<count { values.append(first &+ Int64(place) &* step) }
      return
    }
    let known = predictor == .differenceOfDifferences ? 2 : 1
    guard count > known, table < ResidualTable.all.count, shift <= BitWriter.most, let rest = unsafe scan.take(scan.remaining) else {
      throw .structure
    }
    values.append(first)
    if known == 2 { values.append(first &+ step) }
    try unsafe residuals(rest, ResidualTable.all[table], shift, count: count - known, into: &values)
    integrate(&values, predictor, from: known)
  }

  private static func residuals(
    _ bytes: UnsafeRawBufferPointer, _ table: ResidualTable, _ shift: Int, count: Int, into values: inout [Int64]
  ) throws(ChunkFault) {
    guard bytes.count >= 4 else { throw .structure }
    // Safe: at least four bytes; every later word is checked; a slot is a state's low bits, and there is one for each of them.
    var state = unsafe UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
    var front = 4
    var raw = unsafe BitReader(bytes)
    let half: Int64 = shift == 0 ? 0 : 1 << Int64(shift - 1)
    let reach = Int64(ResidualTable.reach)
    let isWhole = unsafe table.slots.withUnsafeBufferPointer { slots in
      for _ in 0..<count {
        let slot = unsafe slots[Int(state & (ResidualTable.total - 1))]
        let symbol = Int64(slot & 63)
        state = (slot >> 6 & 0x1fff) &* (state >> UInt32(ResidualTable.precision)) &+ slot >> 19
        if state < ANS.least {
          guard front + 2 <= bytes.count else { return false }
          state = state << 16 | UInt32(UInt16(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: front, as: UInt16.self)))
          front += 2
        }
        if symbol != ResidualTable.escape {
          let number = (symbol &- reach) &<< Int64(shift) &- half
          values.append(shift == 0 ? number : number &+ Int64(bitPattern: raw.get(shift)))
        } else {
          let zigzag = raw.getLong(Int(raw.get(6)) + 1)
          values.append(Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1))
        }
      }
      return true
    }
    // What was not read would be lost without a word.
    guard isWhole, state == ANS.least, raw.isWithin, raw.at == front else { throw .structure }
  }

  /// Residuals into numbers, in place.
  private static func integrate(_ values: inout [Int64], _ predictor: Predictor, from known: Int) {
    switch predictor {
    case .difference: for place in known..<values.count { values[place] = values[place - 1] &+ values[place] }
    case .differenceOfDifferences:
      for place in known..<values.count { values[place] = 2 &* values[place - 1] &- values[place - 2] &+ values[place] }
    case .mean:
      var mean = RunningMean(values[0])
      for place in known..<values.count {
        let value = mean.prediction &+ values[place]
        mean.take(value)
        values[place] = value
      }
    case .line: break
    }
  }
}

/// Why bytes are no chunk's.
package enum ChunkFault: Error, Hashable, Sendable {
  case structure
  case checksum
  /// A status that is none, or an infinite value.
  case value
}
