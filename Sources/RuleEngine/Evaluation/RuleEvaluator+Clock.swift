import DeviceRegistry
import Readings
import SeriesStore

/// What is asked of the clock, of devices and of tables.
extension RuleEvaluator {
  mutating func clockValue(
    _ step: Instruction, _ slot: UnsafeMutablePointer<SubjectSlot>, _ state: UnsafeMutablePointer<DeviceState>, _ subject: Int, _ t: Int64,
    _ heads: borrowing SeriesHeads
  ) -> Double {
    switch step.operation {
    case .age: return age(metric: Int(step.operand), slot, state.pointee.registeredAt, t, heads)
    case .deviceAge: return age(ofDevice: subject, slot, state.pointee.registeredAt, t, heads)
    case .intake: return intake.isDown ? 0 : 1
    case .status: return status(metric: Int(step.operand), slot, t, heads)
    case .limit: return limit(step, slot, t)
    case .online: return state.pointee.isOnline.level
    case .between: return Self.isBetween(Int(step.operand), Int(step.second), t) ? 1 : 0
    // 1970-01-01 was a Thursday.
    case .weekday: return ((Self.day(t) + 3) % 7 + 7) % 7 < 5 ? 1 : 0
    case .holiday: return isHoliday(Self.day(t)) ? 1 : 0
    default: return isDark(subject, t).level
    }
  }

  /// Days since 1970-01-01 in Vietnam.
  private static func day(_ t: Int64) -> Int { VietnamTime.civil(Timestamp(milliseconds: t)).day }

  /// Minutes of the day, the first within, the second not; past midnight where the second is the smaller.
  private static func isBetween(_ from: Int, _ to: Int, _ t: Int64) -> Bool {
    let minute = VietnamTime.minuteOfDay(Timestamp(milliseconds: t))
    return from < to ? from <= minute && minute < to : from <= minute || minute < to
  }

  private func isHoliday(_ day: Int) -> Bool {
    // Safe: the program's table holds holidayCount days, in order.
    var (low, high) = (0, program.holidayCount)
    while low < high {
      let middle = (low + high) >> 1
      if program.holidays[middle] < day { low = middle + 1 } else { high = middle }
    }
    return low < program.holidayCount && program.holidays[low] == day
  }

  /// Is the sun below −6°? Unknown where the place is. The sun's own position is computed once a T.
  private mutating func isDark(_ subject: Int, _ t: Int64) -> Truth {
    if sun.t != t { sun = (t, SolarPosition(at: t)) }
    // Safe: each slot has its place.
    let sine = sun.position.sineOfHeight(over: program.places[subject])
    return sine.isNaN ? .unknown : sine < SolarPosition.sineOfDusk ? .true : .false
  }

  /// The device's own limit, else the row that is valid at T; NaN where there is none.
  private func limit(_ step: Instruction, _ slot: UnsafeMutablePointer<SubjectSlot>, _ t: Int64) -> Double {
    let own = numbers[Int(slot.pointee.numbers) + Int(step.second)]
    if !own.isNaN { return own }
    // Safe: one start more than there are names, and one for a name that has no row.
    let starts = program.limitStarts + Int(step.operand)
    for index in Int(starts[0])..<Int(starts[1]) {
      let span = program.limitSpans[index]
      if span.from <= t && t < span.to { return span.value }
    }
    return .nan
  }

  /// The code of the newest reading's status up to T, whatever it is; NaN where there is none.
  private func status(metric: Int, _ slot: UnsafeMutablePointer<SubjectSlot>, _ t: Int64, _ heads: borrowing SeriesHeads) -> Double {
    let head = heads.view(Int(series[Int(slot.pointee.series) + metric]))
    let count = head.upperBound(t)
    return count == 0 ? .nan : Double(head.quality(count - 1).code)
  }

  /// Connected time since the newest reading of any status, or the registration; never unknown.
  private func age(
    metric: Int, _ slot: UnsafeMutablePointer<SubjectSlot>, _ registeredAt: Int64, _ t: Int64, _ heads: borrowing SeriesHeads
  ) -> Double {
    connected(since: max(newest(metric, slot, heads), registeredAt), to: t)
  }

  /// The same of the newest reading of any metric.
  private func age(
    ofDevice device: Int, _ slot: UnsafeMutablePointer<SubjectSlot>, _ registeredAt: Int64, _ t: Int64, _ heads: borrowing SeriesHeads
  ) -> Double {
    var newest = registeredAt
    for metric in program.registry.profile(of: device).metrics.indices { newest = max(newest, self.newest(metric, slot, heads)) }
    return connected(since: newest, to: t)
  }

  /// The ts of the metric's newest reading of any status.
  private func newest(_ metric: Int, _ slot: UnsafeMutablePointer<SubjectSlot>, _ heads: borrowing SeriesHeads) -> Int64 {
    let head = heads.view(Int(series[Int(slot.pointee.series) + metric]))
    return head.count == 0 ? .min : head.time(head.count - 1)
  }

  private func connected(since from: Int64, to t: Int64) -> Double {
    guard from < t else { return 0 }
    // The beginning of time, for a device that nobody registered and that never spoke, is the epoch.
    return Double(intake.connected(from: Timestamp(milliseconds: max(from, 0)), to: Timestamp(milliseconds: t)))
  }
}
