import Readings
import SeriesStore

/// What windows say at T: each is moved there first. States are kept where the builder laid them, and were bound to their kind's type in
/// init; the compiler pairs operations with kinds. Everything that is called by each evaluation is `mutating`: for others the evaluator
/// would be copied.
extension RuleEvaluator {
  @inline(__always)
  mutating func windowValue(
    _ step: Instruction, _ slot: UnsafeMutablePointer<SubjectSlot>, _ base: UnsafeMutableRawPointer, _ t: Int64,
    _ heads: borrowing SeriesHeads
  ) -> Double {
    let spec = windows + Int(step.operand)
    let head = heads.view(Int(series[Int(slot.pointee.series) + Int(spec.pointee.metric)]))
    let place = base + Int(spec.pointee.state)
    switch step.operation {
    case .last:
      let state = place.assumingMemoryBound(to: LatestWindow.self)
      state.pointee.move(to: t, over: head)
      return state.pointee.value(over: head)
    case .extreme:
      let state = place.assumingMemoryBound(to: ExtremeWindow.self)
      state.pointee.move(to: t, width: spec.pointee.width, over: head)
      guard spec.pointee.isCovered(by: Int(state.pointee.good), interval: slot.pointee.interval) else { return .nan }
      return state.pointee.value
    case .mean, .sum, .count:
      switch spec.pointee.kind {
      case .moments: return total(MomentSums.self, step, spec, slot, place, t, head)
      case .trend: return total(TrendSums.self, step, spec, slot, place, t, head)
      default: return total(PlainSums.self, step, spec, slot, place, t, head)
      }
    case .slope, .forecast, .fit: return trend(step, spec, slot, place, t, head, towards: 0)
    default: return rareValue(step, spec, slot, place, t, head)
    }
  }

  @inline(__always)
  private mutating func total<Sums: ValueSums>(
    _ sums: Sums.Type, _ step: Instruction, _ spec: UnsafeMutablePointer<WindowSpec>, _ slot: UnsafeMutablePointer<SubjectSlot>,
    _ place: UnsafeMutableRawPointer, _ t: Int64, _ head: HeadView
  ) -> Double {
    let state = place.assumingMemoryBound(to: SlidingWindow<Sums>.self)
    state.pointee.move(to: t, width: spec.pointee.width, scale: spec.pointee.scale, over: head)
    if step.operation == .count { return Double(state.pointee.good) }
    guard spec.pointee.isCovered(by: Int(state.pointee.good), interval: slot.pointee.interval) else { return .nan }
    return step.operation == .mean ? state.pointee.mean(spec.pointee.scale) : state.pointee.total(spec.pointee.scale)
  }

  // MARK: Trends

  /// The time until the line crosses a limit.
  mutating func trend(
    _ step: Instruction, _ slot: UnsafeMutablePointer<SubjectSlot>, _ base: UnsafeMutableRawPointer, _ t: Int64,
    _ heads: borrowing SeriesHeads, towards limit: Double
  ) -> Double {
    let spec = windows + Int(step.operand)
    let head = heads.view(Int(series[Int(slot.pointee.series) + Int(spec.pointee.metric)]))
    return trend(step, spec, slot, base + Int(spec.pointee.state), t, head, towards: limit)
  }

  @inline(never)
  private mutating func trend(
    _ step: Instruction, _ spec: UnsafeMutablePointer<WindowSpec>, _ slot: UnsafeMutablePointer<SubjectSlot>,
    _ place: UnsafeMutableRawPointer, _ t: Int64, _ head: HeadView, towards limit: Double
  ) -> Double {
    let state = place.assumingMemoryBound(to: SlidingWindow<TrendSums>.self)
    state.pointee.move(to: t, width: spec.pointee.width, scale: spec.pointee.scale, over: head)
    let good = state.pointee.good
    guard spec.pointee.isCovered(by: Int(good), interval: slot.pointee.interval),
      let line = state.pointee.sums.line(good, width: spec.pointee.width, spec.pointee.scale)
    else { return .nan }
    switch step.operation {
    case .slope: return line.slopePerHour
    case .forecast: return line.value(at: t &+ Int64(step.constant))
    case .fit: return line.fit
    case .timeAbove: return line.time(from: t, to: limit, isAbove: true)
    default: return line.time(from: t, to: limit, isAbove: false)
    }
  }

  // MARK: Others

  @inline(never)
  private mutating func rareValue(
    _ step: Instruction, _ spec: UnsafeMutablePointer<WindowSpec>, _ slot: UnsafeMutablePointer<SubjectSlot>,
    _ place: UnsafeMutableRawPointer, _ t: Int64, _ head: HeadView
  ) -> Double {
    switch step.operation {
    case .standardDeviation where spec.pointee.kind == .moments:
      return covered(MomentSums.self, spec, slot, place, t, head) { $0.standardDeviation($1, spec.pointee.scale) }
    case .standardDeviation:
      return covered(TrendSums.self, spec, slot, place, t, head) { $0.standardDeviation($1, spec.pointee.scale) }
    case .quantile:
      let percent = Int(step.constant)
      return covered(SortedValues.self, spec, slot, place, t, head) { sums, _ in
        sums.quantile(percent: percent, spec.pointee.scale)
      }
    case .hourMean:
      // Clock hours in Vietnam begin as those in UTC do. A reading at the full hour belongs to the hour that begins.
      let (hour, rest) = t.quotientAndRemainder(dividingBy: WindowSpec.hour)
      let end = (hour - (rest < 0 ? 1 : 0)) * WindowSpec.hour - 1
      return covered(PlainSums.self, spec, slot, place, end, head) { sums, good in
        ExactInteger.double(sums.sum) / (Double(good) * spec.pointee.scale.factor)
      }
    default: return stepValue(step, spec, slot, place, t, head)
    }
  }

  /// A value of sums that cover their window; NaN where they do not.
  @inline(__always)
  private mutating func covered<Sums: WindowSums>(
    _ type: Sums.Type, _ spec: UnsafeMutablePointer<WindowSpec>, _ slot: UnsafeMutablePointer<SubjectSlot>,
    _ place: UnsafeMutableRawPointer, _ end: Int64, _ head: HeadView, _ value: (Sums, Int32) -> Double
  ) -> Double {
    let state = place.assumingMemoryBound(to: SlidingWindow<Sums>.self)
    state.pointee.move(to: end, width: spec.pointee.width, scale: spec.pointee.scale, over: head)
    let good = state.pointee.good
    guard good > 0, spec.pointee.isCovered(by: Int(good), interval: slot.pointee.interval) else { return .nan }
    return value(state.pointee.sums, good)
  }

  private mutating func stepValue(
    _ step: Instruction, _ spec: UnsafeMutablePointer<WindowSpec>, _ slot: UnsafeMutablePointer<SubjectSlot>,
    _ place: UnsafeMutableRawPointer, _ t: Int64, _ head: HeadView
  ) -> Double {
    let state = place.assumingMemoryBound(to: StepWindow.self)
    state.pointee.move(to: t, width: spec.pointee.width, scale: spec.pointee.scale, over: head)
    let isCovered = spec.pointee.isCovered(by: Int(state.pointee.good), interval: slot.pointee.interval)
    switch step.operation {
    case .flat: return isCovered ? state.pointee.isFlat.level : Truth.unknown.level
    case .delta: return isCovered ? state.pointee.delta(spec.pointee.scale, over: head) : .nan
    default: return isCovered ? state.pointee.increase(spec.pointee.scale) : .nan
    }
  }
}
