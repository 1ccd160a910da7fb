package import Readings

/// The newest readings of every series in memory, each series sorted by ts: three columns of 17 bytes a reading.
///
/// A head holds every stored reading of its series from `coveredFrom` on; those before are in chunks, and come back with `merge`. What is
/// not sealed is always here.
///
/// The owner of the columns is not copyable: they are freed once, with it. `bytes` is what the caller bounds.
@safe @usableFromInline package struct SeriesHeads: ~Copyable {
  /// What became of a reading that was offered.
  package enum Outcome: Equatable, Sendable {
    /// It is the newest of its series.
    case appended
    /// It stands before others that came earlier.
    case inserted
    /// The same reading was there already.
    case duplicate
    /// Another reading of that ts was there first, and stands.
    case conflict
  }

  @usableFromInline var heads: UnsafeMutablePointer<Head>
  @usableFromInline var seriesCount: Int
  private var seriesCapacity: Int
  /// Memory of all columns.
  package private(set) var bytes: Int = 0
  /// Readings held.
  package private(set) var readings: Int = 0

  package init() {
    unsafe heads = .allocate(capacity: 64)
    seriesCount = 0
    seriesCapacity = 64
  }

  deinit {
    // Safe: every head below seriesCount was initialised by addSeries, and its columns belong to it alone.
    for i in 0..<seriesCount { unsafe heads[i].free() }
    unsafe heads.deallocate()
  }

  /// Makes room for series up to and with `id`.
  package mutating func addSeries(through id: SeriesID) {
    while seriesCount <= id.int {
      if seriesCount == seriesCapacity {
        let larger = UnsafeMutablePointer<Head>.allocate(capacity: seriesCapacity * 2)
        // Safe: both regions hold at least seriesCount heads; the old one is left uninitialised and freed.
        unsafe larger.moveInitialize(from: heads, count: seriesCount)
        unsafe heads.deallocate()
        unsafe heads = larger
        seriesCapacity *= 2
      }
      // Safe: seriesCount is below the capacity here.
      unsafe (heads + seriesCount).initialize(to: Head())
      seriesCount += 1
    }
  }

  package var count: Int { seriesCount }

  /// Puts a reading where its ts belongs. The first reading of a ts stands.
  package mutating func insert(_ reading: Reading) -> Outcome {
    precondition(reading.series.int < seriesCount, "a reading's series is registered before it is stored")
    // Safe: the index was checked; no other access to the heads is under way (this call is mutating).
    let head = unsafe heads + reading.series.int
    let count = unsafe head.pointee.count
    var place = count
    let ts = reading.ts.milliseconds
    if unsafe count > 0 && head.pointee.times[count - 1] >= ts {
      place = unsafe head.pointee.lowerBound(ts)
      if unsafe head.pointee.times[place] == ts {
        let (value, quality) = unsafe (head.pointee.values[place], Quality(byte: head.pointee.qualities[place]))
        // 0 and -0 are one number; NaN is no value.
        let isSame = value == reading.value || value.isNaN && reading.value.isNaN
        return isSame && quality.code == reading.quality.code ? .duplicate : .conflict
      }
    }
    if unsafe count == head.pointee.capacity { unsafe bytes += head.pointee.grow() }
    unsafe head.pointee.insert(reading, at: place)
    if unsafe ts < head.pointee.unsealedFrom { unsafe head.pointee.unsealedFrom = ts }
    readings += 1
    return place == count ? .appended : .inserted
  }

  /// The first ts at or after `ts` that the series has no reading of.
  package func firstFree(_ id: SeriesID, from ts: Timestamp) -> Timestamp {
    // Safe: the view is used within this call alone; every index stays within 0 ..< count.
    let view = unsafe self.view(id.int)
    let first = unsafe view.upperBound(ts.milliseconds - 1)
    guard unsafe first < view.count, unsafe view.times[first] == ts.milliseconds else { return ts }
    // Times rise by at least 1, so that those in an unbroken run of milliseconds are a prefix: search its end.
    var low = first
    var high = unsafe view.count
    while high - low > 1 {
      let middle = (low + high) >> 1
      if unsafe view.times[middle] == ts.milliseconds + Int64(middle - first) { low = middle } else { high = middle }
    }
    return ts + Int64(low - first + 1)
  }

  // MARK: What is sealed

  /// From this ts on every stored reading of the series is here. `Int64.max`: nothing is known of what is in chunks.
  package func coveredFrom(_ id: SeriesID) -> Int64 {
    precondition(id.int < seriesCount, "a series is registered before it is asked for")
    // Safe: the index was checked.
    return unsafe heads[id.int].coveredFrom
  }

  /// What the series has in chunks is not here yet.
  package mutating func setUncovered(_ id: SeriesID) {
    precondition(id.int < seriesCount, "a series is registered before it is stored")
    // Safe: the index was checked.
    unsafe heads[id.int].coveredFrom = .max
  }

  /// The readings in [from, to), in order, the oldest `most` of them.
  package func copy(_ id: SeriesID, from: Int64, to: Int64, atMost most: Int = .max, into chunk: inout SeriesChunk) {
    // Safe: the view is used within this call alone; indices stay within 0 ..< count.
    let view = unsafe self.view(id.int)
    let (begin, end) = unsafe (view.count(before: from), view.count(before: to))
    let count = max(0, min(end - begin, most))
    unsafe chunk.times += UnsafeBufferPointer(start: view.times + begin, count: count)
    unsafe chunk.column.values += UnsafeBufferPointer(start: view.values + begin, count: count)
    unsafe chunk.column.qualities += UnsafeBufferPointer(start: view.qualities + begin, count: count)
  }

  /// From the first to after the last reading that is not sealed; nil where all are.
  package func unsealedExtent(_ id: SeriesID) -> Range<Int64>? {
    let first = unsealedFrom(id)
    guard first < .max, let newest = newest(id)?.milliseconds, newest >= first else { return nil }
    return first..<(newest + 1)
  }

  /// Those in the range that are not sealed, and maybe others.
  package func unsealed(_ id: SeriesID, in range: Range<Int64>) -> SeriesChunk {
    var chunk = SeriesChunk()
    copy(id, from: max(range.lowerBound, unsealedFrom(id)), to: range.upperBound, into: &chunk)
    return chunk
  }

  /// Brings readings back from chunks: with them all from `coveredFrom` on are here, but for those that are already. Indices of the
  /// series' readings change.
  package mutating func merge(_ chunk: SeriesChunk, into id: SeriesID, coveredFrom: Int64) {
    precondition(id.int < seriesCount, "a series is registered before it is stored")
    // Safe: the index was checked; the columns are the head's own until it is replaced.
    let head = unsafe heads + id.int
    let (bytesBefore, countBefore) = unsafe (head.pointee.bytes, head.pointee.count)
    if !chunk.isEmpty { unsafe head.pointee.replace(with: chunk.merged(with: SeriesChunk(head.pointee))) }
    unsafe head.pointee.coveredFrom = coveredFrom
    unsafe head.pointee.goodBefore = coveredFrom == .min ? .some(.nan) : .none
    unsafe bytes += head.pointee.bytes - bytesBefore
    unsafe readings += head.pointee.count - countBefore
  }

  /// The oldest reading that is not sealed; `Int64.max` where all are.
  package func unsealedFrom(_ id: SeriesID) -> Int64 {
    precondition(id.int < seriesCount, "a series is registered before it is asked for")
    // Safe: the index was checked.
    return unsafe heads[id.int].unsealedFrom
  }

  /// All readings of the series are sealed.
  package mutating func setSealed(_ id: SeriesID) {
    precondition(id.int < seriesCount, "a series is registered before it is stored")
    // Safe: the index was checked.
    unsafe heads[id.int].unsealedFrom = .max
  }

  /// Lets go of the oldest readings: those before `from` that are sealed, but for the newest `least`. Indices of the series' readings
  /// change.
  ///
  /// - Returns: whether any went.
  @discardableResult
  package mutating func trim(_ id: SeriesID, before from: Int64, least: Int) -> Bool {
    precondition(id.int < seriesCount, "a series is registered before it is stored")
    // Safe: the index was checked; the view is not used once the columns change.
    let head = unsafe heads + id.int
    let view = unsafe self.view(id.int)
    let dropped = unsafe min(view.count(before: min(from, head.pointee.unsealedFrom)), view.count - least)
    guard dropped > 0 else { return false }
    var last = dropped - 1
    while last >= 0, unsafe !view.isGood(last) { last -= 1 }
    // Before `coveredFrom` there may be readings between those that go.
    let covered = unsafe head.pointee.coveredFrom
    if last >= 0, unsafe view.times[last] >= covered {
      unsafe head.pointee.goodBefore = view.values[last]
    } else if unsafe view.times[0] < covered {
      unsafe head.pointee.goodBefore = nil
    }
    unsafe head.pointee.coveredFrom = max(covered, view.times[dropped - 1] + 1)
    let bytesBefore = unsafe head.pointee.bytes
    unsafe head.pointee.drop(dropped)
    unsafe bytes += head.pointee.bytes - bytesBefore
    readings -= dropped
    return true
  }

  /// The first T for which everything is here: the readings of (T - reach, T], `least` of them up to T, and the newest good one.
  package func evaluableFrom(_ id: SeriesID, reach: Milliseconds, least: Int) -> Int64 {
    precondition(id.int < seriesCount, "a series is registered before it is asked for")
    // Safe: the index was checked; indices stay within 0 ..< count.
    let head = unsafe heads + id.int
    let covered = unsafe head.pointee.coveredFrom
    if covered == .min { return .min }
    let view = unsafe self.view(id.int)
    // What is before may be but a part of what is stored there.
    let begin = unsafe view.count(before: covered)
    guard covered != .max, unsafe view.count - begin >= least else { return .max }
    var from = unsafe max(covered + reach, view.times[begin + least - 1])
    if unsafe head.pointee.goodBefore == nil {
      var first = begin
      while unsafe first < view.count, unsafe !view.isGood(first) { first += 1 }
      from = unsafe first == view.count ? .max : max(from, view.times[first])
    }
    return from
  }

  /// The newest good reading that is here; nil where there is none.
  package func newestGood(_ id: SeriesID) -> Int64? {
    // Safe: the view is used within this call alone, below its count.
    let view = unsafe self.view(id.int)
    var index = unsafe view.count - 1
    while index >= 0, unsafe !view.isGood(index) { index -= 1 }
    return unsafe index < 0 ? nil : view.times[index]
  }

  /// The series' newest ts, of any status; nil where it has no reading.
  package func newest(_ id: SeriesID) -> Timestamp? {
    // Safe: as above.
    let view = unsafe self.view(id.int)
    return unsafe view.count == 0 ? nil : Timestamp(milliseconds: view.times[view.count - 1])
  }

  /// The readings of the series with that index. The view is valid until the next `insert` or `addSeries`.
  @inlinable package func view(_ index: Int) -> HeadView {
    precondition(index < seriesCount, "a series is registered before it is read")
    // Safe: the index was checked; the columns live until the next mutation, as documented.
    return unsafe HeadView(
      times: heads[index].times, values: heads[index].values, qualities: heads[index].qualities, count: heads[index].count,
      goodBefore: heads[index].goodBefore ?? .nan)
  }
}

/// One series' readings in order of ts. Valid until the heads change.
@usableFromInline @unsafe package struct HeadView {
  /// Milliseconds since the epoch, strictly rising.
  @usableFromInline package let times: UnsafePointer<Int64>
  /// NaN where nothing was measured.
  @usableFromInline package let values: UnsafePointer<Double>
  /// `Quality` bytes.
  @usableFromInline package let qualities: UnsafePointer<UInt8>
  @usableFromInline package let count: Int
  /// The newest good value before the first of these; NaN where there is none.
  @usableFromInline package let goodBefore: Double

  @inlinable init(
    times: UnsafeMutablePointer<Int64>, values: UnsafeMutablePointer<Double>, qualities: UnsafeMutablePointer<UInt8>, count: Int,
    goodBefore: Double
  ) {
    unsafe self.times = UnsafePointer(times)
    unsafe self.values = UnsafePointer(values)
    unsafe self.qualities = UnsafePointer(qualities)
    unsafe self.count = count
    unsafe self.goodBefore = goodBefore
  }

  /// The number of readings before `t`.
  func count(before t: Int64) -> Int { unsafe t == .min ? 0 : upperBound(t - 1) }

  /// Value functions see good readings that have a value.
  func isGood(_ index: Int) -> Bool {
    // Safe: the index is the caller's, below count.
    unsafe Quality(byte: qualities[index]).isGood && values[index] == values[index]
  }

  /// The number of readings with ts at or before `t`: the index after the last of them.
  @inlinable package func upperBound(_ t: Int64) -> Int {
    // Safe: the search stays within 0 ..< count.
    if unsafe count == 0 || times[count - 1] <= t { return unsafe count }
    var low = 0
    var high = unsafe count
    while low < high {
      let middle = (low + high) >> 1
      if unsafe times[middle] <= t { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The columns of one series.
@usableFromInline @unsafe struct Head {
  @usableFromInline var times: UnsafeMutablePointer<Int64>
  @usableFromInline var values: UnsafeMutablePointer<Double>
  @usableFromInline var qualities: UnsafeMutablePointer<UInt8>
  @usableFromInline var count = 0
  var capacity = 0
  /// See `SeriesHeads.coveredFrom`.
  var coveredFrom = Int64.min
  /// The newest good value before the first reading here; NaN where there is none, nil where that is not known.
  @usableFromInline var goodBefore: Double? = .nan
  /// The oldest reading that is not sealed.
  var unsealedFrom = Int64.max
  static let bytesPerReading = 17

  var bytes: Int { unsafe capacity * Self.bytesPerReading }

  init() {
    // Safe: capacity is 0, so nothing is read or written before grow().
    unsafe times = .allocate(capacity: 0)
    unsafe values = .allocate(capacity: 0)
    unsafe qualities = .allocate(capacity: 0)
  }

  func free() {
    unsafe times.deallocate()
    unsafe values.deallocate()
    unsafe qualities.deallocate()
  }

  /// Room for half as many again (16 at the least). Returns the bytes added.
  mutating func grow() -> Int {
    let larger = unsafe max(16, capacity + capacity / 2)
    let added = unsafe (larger - capacity) * Self.bytesPerReading
    // Safe: each new column holds `larger` elements and takes over the `count` that the old one had.
    unsafe Self.move(&times, count, larger)
    unsafe Self.move(&values, count, larger)
    unsafe Self.move(&qualities, count, larger)
    unsafe capacity = larger
    return added
  }

  /// The first `dropped` readings go, and the room they took.
  mutating func drop(_ dropped: Int) {
    var rest = SeriesChunk()
    // Safe: indices below count.
    for index in unsafe dropped..<count { unsafe rest.append(times[index], values[index], qualities[index]) }
    unsafe replace(with: rest)
  }

  mutating func replace(with chunk: SeriesChunk) {
    unsafe free()
    let room = max(16, chunk.count + chunk.count / 4)
    unsafe times = .allocate(capacity: room)
    unsafe values = .allocate(capacity: room)
    unsafe qualities = .allocate(capacity: room)
    unsafe (capacity, count) = (room, chunk.count)
    for index in 0..<chunk.count {
      // Safe: index is below the new capacity.
      unsafe (times + index).initialize(to: chunk.times[index])
      unsafe (values + index).initialize(to: chunk.column.values[index])
      unsafe (qualities + index).initialize(to: chunk.column.qualities[index])
    }
  }

  private static func move<T>(_ column: inout UnsafeMutablePointer<T>, _ count: Int, _ larger: Int) {
    let new = UnsafeMutablePointer<T>.allocate(capacity: larger)
    unsafe new.moveInitialize(from: column, count: count)
    unsafe column.deallocate()
    unsafe column = new
  }

  /// The first index whose ts is at or after `ts`; `ts` is not after the last.
  func lowerBound(_ ts: Int64) -> Int {
    var low = 0
    var high = unsafe count - 1
    while low < high {
      let middle = (low + high) >> 1
      // Safe: middle is within 0 ..< count.
      if unsafe times[middle] < ts { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func insert(_ reading: Reading, at place: Int) {
    // Safe: count < capacity here; the elements from `place` move up by one.
    let behind = unsafe count - place
    if behind > 0 {
      unsafe (times + place + 1).update(from: times + place, count: behind)
      unsafe (values + place + 1).update(from: values + place, count: behind)
      unsafe (qualities + place + 1).update(from: qualities + place, count: behind)
    }
    unsafe (times + place).initialize(to: reading.ts.milliseconds)
    unsafe (values + place).initialize(to: reading.value)
    unsafe (qualities + place).initialize(to: reading.quality.byte)
    unsafe count += 1
  }
}
