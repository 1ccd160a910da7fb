import Alerting
import DeviceRegistry
import Outbox
import Readings
import RuleEngine
import SeriesStore

/// What becomes of alerts: raised, followed, ended.
extension Engine {
  /// A reading further behind the clock than `fresh` is late; while the clock is doubted nothing is.
  func isLate(_ t: Timestamp) -> Bool { now - t > settings.fresh && !doubt.isDoubtful }

  func rule(of binding: Int) -> Rule { book.rules[program.rule(of: binding)] }

  func policy(of binding: Int) -> AlertPolicy { policies[program.rule(of: binding)] }

  func terms(of binding: Int) -> AlertCourse.Terms {
    let interval = Self.pace(usesClock: program.usesClock(binding), interval: interval(of: subject(of: binding)))
    return AlertCourse.Terms(policy: policy(of: binding), interval: interval)
  }

  /// The interval at which a rule is heard of. Where ticks alone evaluate it, while its device is silent, three of them span a minute:
  /// else what is pending would be dropped at each tick before it is heard true again.
  static func pace(usesClock: Bool, interval: Milliseconds) -> Milliseconds { usesClock ? max(interval, 20_000) : interval }

  /// Ordered by (rule, subject).
  func inOrder(_ bindings: some Sequence<Int>) -> [Int] {
    bindings.map { (rank: rank(of: $0), binding: $0) }.sorted { $0.rank < $1.rank }.map(\.binding)
  }

  private func rank(of binding: Int) -> Int {
    let subject = program.group(of: binding).map { registry.devices.count + $0 } ?? deviceRanks[program.device(of: binding)]
    return program.rule(of: binding) * (registry.devices.count + groups.count) + subject
  }

  // MARK: Turns

  func raise(_ binding: Int, breachedAt: Timestamp, at t: Timestamp) {
    if open.isOpen(binding) {
      noteTurn(binding, at: t)
      _ = open.handle(.turned(clock: now), binding, terms(of: binding))
      return
    }
    open.insert(newAlert(binding, breachedAt: breachedAt, at: t), binding)
    let hold = decide(binding)
    keep(.raised, isLate(t) ? .lateData : .condition, binding, at: t)
    if case .held(let hold) = hold { note(hold, binding, at: t) }
    if noteTurn(binding, at: t) { flap(binding, at: t) }
  }

  private func newAlert(_ binding: Int, breachedAt: Timestamp, at t: Timestamp) -> AlertRecord {
    let (rule, subject) = (rule(of: binding), subject(of: binding))
    let facts = facts(of: subject)
    var alert = AlertRecord(
      id: AlertIdentity.alert(instance: settings.instance, rule: rule.id, subject: facts.subject, breachedAt: breachedAt), rule: rule.id,
      ruleVersion: rule.version, subject: facts.subject, device: facts.device, site: facts.site, zone: facts.zone, domain: facts.domain,
      severity: rule.severity, state: AlertRecord.State.raised.rawValue, revision: 0, breachedAt: breachedAt, raisedAt: t, detectedAt: now,
      clearedAt: nil, message: evaluator.message(of: binding, at: t, heads: heads),
      course: AlertCourse(severity: rule.severity, isLate: isLate(t), clock: now, terms(of: binding)),
      context: context(rule, subject, facts, at: t))
    alert.isLate = isLate(t)
    alert.leap(beyond: numbersToldOfBefore(breachedAt))
    return alert
  }

  /// What the numbers of an alert begin after. Its id is that of its breach: one that began before the store was restored may have been told
  /// by the store that was there, and nobody knows how often. No alert has an event a second, so the seconds since 1970 are beyond that, also
  /// where the same backup was restored before.
  func numbersToldOfBefore(_ breachedAt: Timestamp) -> Int {
    guard let restoredAt, breachedAt <= restoredAt + ClockDoubt.tolerance else { return 0 }
    return Int(restoredAt.milliseconds / 1000)
  }

  func clear(_ binding: Int, at t: Timestamp) {
    precondition(open.isOpen(binding), "what clears was raised")
    let flaps = noteTurn(binding, at: t)
    if open[binding]?.course.isFlapping == true {
      _ = open.handle(.turned(clock: now), binding, terms(of: binding))
    } else if flaps {
      flap(binding, at: t)
    } else {
      end(binding, .cleared, .condition, at: t)
    }
  }

  /// - Returns: whether the rule has turned as often as makes its alert flap.
  @discardableResult private func noteTurn(_ binding: Int, at t: Timestamp) -> Bool {
    guard let flapping = policy(of: binding).flapping else { return false }
    return turns[binding, default: TurnMemory()].turned(at: t, flapping)
  }

  private func flap(_ binding: Int, at t: Timestamp) {
    _ = open.handle(.flaps(clock: now), binding, terms(of: binding))
    keep(.flapping, .turns, binding, at: t)
  }

  /// The alert is over. Its life is the caller's.
  func end(
    _ binding: Int, _ kind: AlertTransition, _ reason: AlertReason, at t: Timestamp, detail: String? = nil, by: String? = nil
  ) {
    open.change(binding) { alert in
      alert.state = AlertRecord.State.cleared.rawValue
      (alert.clearedAt, alert.endReason) = (t, reason)
    }
    keep(kind, reason, binding, at: t, detail: detail, by: by)
    if case .device(let device) = subject(of: binding) { open.mark(binding, stale: false, device: device) }
    if let alert = open.remove(binding) { changes.alerts.append(alert) }
  }

  // MARK: While it is raised

  /// After an evaluation at T that left the alert raised.
  func follow(_ binding: Int, at t: Timestamp) {
    guard let course = open[binding]?.course, lives.isRaised(binding) else { return }
    let terms = terms(of: binding)
    if course.isAwaitingLateData, open.handle(.evaluated(isLate: isLate(t), clock: now), binding, terms) == .lateEnded { consider(binding) }
    guard !terms.policy.escalations.isEmpty, !lives[binding].isSettled(t) else { return }
    var escalates = false
    for (step, escalation) in terms.policy.escalations.enumerated() where escalation.severity > course.severity {
      let truth = evaluator.escalation(step, of: binding, at: t, heads: heads)
      if open.handle(.step(step, truth, t: t, clock: now), binding, terms) == .escalated { escalates = true }
    }
    guard escalates else { return }
    keep(.escalated, .condition, binding, at: t)
    consider(binding)
  }

  /// What becomes of raised alerts at a tick, after the rules.
  func followAll(at tick: Timestamp) {
    guard !open.isEmpty else { return }
    for binding in inOrder(open.all) {
      watch(binding, at: tick)
      guard open.isOpen(binding) else { continue }
      switch open.handle(.tick(clock: tick, until: destination ?? tick, lives[binding]), binding, terms(of: binding)) {
      case .settled(isCleared: true):
        end(binding, .cleared, .noTurns, at: tick)
        lifeChanged(binding)
      case .settled(isCleared: false): keep(.settled, .noTurns, binding, at: tick)
      case .reminder: keep(.reminder, .unacknowledged, binding, at: tick)
      case .lateEnded: consider(binding)
      default: break
      }
    }
  }

  // MARK: Silent devices

  /// Marks an alert whose device is silent for more than three intervals, while readings could come. That of a group without members, of
  /// which nothing can be known any longer, is over.
  private func watch(_ binding: Int, at t: Timestamp) {
    switch subject(of: binding) {
    case .device(let device):
      cover(device, at: t)
      setStale(binding, device, isSilent(device, at: t), at: t)
    case .group(let group):
      guard program.members(ofGroup: group.index, at: t).isEmpty else { return }
      end(binding, .cleared, .outOfScope, at: lives.end(binding, clock: t))
      lifeChanged(binding)
    }
  }

  /// The clock at which an alert ends that is ended from outside: one that may be ahead would make the rule deaf until then.
  var endingClock: Timestamp { doubt.isDoubtful ? Timestamp(milliseconds: .min) : clock ?? Timestamp(milliseconds: .min) }

  /// A device with stale alerts was heard.
  func freshen(_ device: Int) {
    guard let bindings = open.stale[device], !isSilent(device, at: now) else { return }
    for binding in inOrder(bindings) { setStale(binding, device, false, at: now) }
  }

  private func setStale(_ binding: Int, _ device: Int, _ isSilent: Bool, at t: Timestamp) {
    guard isSilent != open.isStale(binding), !isSilent || isIntakeUp else { return }
    _ = open.handle(.device(isSilent: isSilent), binding, terms(of: binding))
    open.mark(binding, stale: isSilent, device: device)
    keep(isSilent ? .stale : .fresh, isSilent ? .deviceSilent : .deviceHeard, binding, at: t)
  }

  /// Connected time since the device's newest reading, or since it was registered, is more than three of its intervals.
  private func isSilent(_ device: Int, at t: Timestamp) -> Bool {
    var from = registeredAt[device]
    for series in seriesOf[device] { if let newest = heads.newest(series) { from = max(from, newest) } }
    return t - from > 3 * intervals[device] && log.outages.connected(from: from, to: t) > 3 * intervals[device]
  }
}
