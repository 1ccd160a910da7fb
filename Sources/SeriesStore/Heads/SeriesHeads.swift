package import Readings

/// The newest readings of every series in memory, each series sorted by ts: 16 bytes a reading, which lie together, so that each is one
/// line of memory to fetch.
///
/// A head holds every stored reading of its series from `coveredFrom` on; those before are in chunks, and come back with `merge`. What is
/// not sealed is always here.
///
/// The owner of the memory is not copyable: it is freed once, with it. `bytes` is what the caller bounds.
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
  /// Memory of all readings.
  package private(set) var bytes: Int = 0
  /// Readings held.
  package private(set) var readings: Int = 0

  package init() {
    unsafe heads = .allocate(capacity: 64)
    seriesCount = 0
    seriesCapacity = 64
  }

  deinit {
    // Safe: every head below seriesCount was initialised by addSeries, and its readings belong to it alone.
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
    if unsafe count > 0 && head.pointee.samples[count - 1].time >= ts {
      place = unsafe head.pointee.lowerBound(ts)
      let known = unsafe head.pointee.samples[place]
      if known.time == ts {
        let (value, quality) = (known.value, known.quality)
        // 0 and -0 are one number; NaN is no value.
        let isSame = value == reading.value || value.isNaN && reading.value.isNaN
        return isSame && quality.code == reading.quality.code ? .duplicate : .conflict
      }
    }
    if unsafe head.pointee.isFull { unsafe bytes += head.pointee.grow() }
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
    guard unsafe first < view.count, unsafe view.time(first) == ts.milliseconds else { return ts }
    // Times rise by at least 1, so that those in an unbroken run of milliseconds are a prefix: search its end.
    var low = first
    var high = unsafe view.count
    while high - low > 1 {
      let middle = (low + high) >> 1
      if unsafe view.time(middle) == ts.milliseconds + Int64(middle - first) { low = middle } else { high = middle }
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
    chunk.reserve(count)
    for index in begin..<(begin + count) { unsafe chunk.append(view.samples[index]) }
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
    // Safe: the index was checked; the readings are the head's own until it is replaced.
    let head = unsafe heads + id.int
    let (bytesBefore, countBefore) = unsafe (head.pointee.bytes, head.pointee.count)
    if !chunk.isEmpty { unsafe head.pointee.replace(with: chunk.merged(with: SeriesChunk(head.pointee))) }
    unsafe head.pointee.coveredFrom = coveredFrom
    unsafe head.pointee.setGoodBefore(coveredFrom == .min ? .nan : nil)
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
    // Safe: the index was checked; the view is not used once the readings change.
    let head = unsafe heads + id.int
    let view = unsafe self.view(id.int)
    let dropped = unsafe min(view.count(before: min(from, head.pointee.unsealedFrom)), view.count - least)
    guard dropped > 0 else { return false }
    var last = dropped - 1
    while last >= 0, unsafe !view.isGood(last) { last -= 1 }
    // Before `coveredFrom` there may be readings between those that go.
    let covered = unsafe head.pointee.coveredFrom
    if last >= 0, unsafe view.time(last) >= covered {
      unsafe head.pointee.setGoodBefore(view.value(last))
    } else if unsafe view.time(0) < covered {
      unsafe head.pointee.setGoodBefore(nil)
    }
    unsafe head.pointee.coveredFrom = max(covered, view.time(dropped - 1) + 1)
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
    var from = unsafe max(covered + reach, view.time(begin + least - 1))
    if unsafe !head.pointee.isGoodBeforeKnown {
      var first = begin
      while unsafe first < view.count, unsafe !view.isGood(first) { first += 1 }
      from = unsafe first == view.count ? .max : max(from, view.time(first))
    }
    return from
  }

  /// The newest good reading that is here; nil where there is none.
  package func newestGood(_ id: SeriesID) -> Int64? {
    // Safe: the view is used within this call alone, below its count.
    let view = unsafe self.view(id.int)
    var index = unsafe view.count - 1
    while index >= 0, unsafe !view.isGood(index) { index -= 1 }
    return unsafe index < 0 ? nil : view.time(index)
  }

  /// The series' newest ts, of any status; nil where it has no reading.
  package func newest(_ id: SeriesID) -> Timestamp? {
    // Safe: as above.
    let view = unsafe self.view(id.int)
    return unsafe view.count == 0 ? nil : Timestamp(milliseconds: view.time(view.count - 1))
  }

  /// The readings of the series with that index. The view is valid until the next `insert` or `addSeries`.
  @inlinable package func view(_ index: Int) -> HeadView {
    precondition(index < seriesCount, "a series is registered before it is read")
    // Safe: the index was checked; the readings live until the next mutation, as documented.
    return unsafe HeadView(samples: heads[index].samples, count: Int(heads[index].held), goodBefore: heads[index].goodBefore)
  }

  /// Where a series keeps its readings, for a hint of what will be read soon. See `HeadView.samples`.
  @inlinable package func place(of index: Int) -> UnsafeRawPointer {
    // Safe: an address within what is allocated, or just behind; nothing is read.
    unsafe UnsafeRawPointer(heads + index)
  }
}
