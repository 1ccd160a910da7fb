import Alerting
import DeviceRegistry
import Outbox
import Readings
import RuleEngine
import SeriesStore

extension Engine {
  /// A transition whose T is further behind the clock than this is late.
  private static let fresh: Milliseconds = 15 * 60_000

  func raise(_ binding: Int, breachedAt: Timestamp, at t: Timestamp, reason: String) {
    let rule = book.rules[program.rule(of: binding)]
    let device = registry.devices[program.device(of: binding)]
    let subject = registry.subject(of: program.device(of: binding))
    let record = AlertRecord(
      id: AlertIdentity.alert(instance: settings.instance, rule: rule.id, subject: subject, breachedAt: breachedAt), rule: rule.id,
      ruleVersion: rule.version, subject: subject, device: device.id, site: device.site,
      domain: registry.profiles[device.profile].domain, severity: rule.severity, state: "raised", revision: 1, breachedAt: breachedAt,
      raisedAt: t, clearedAt: nil, message: message(binding, at: t))
    openAlerts[binding] = record
    tell(.raised, record, binding, at: t, reason: reason)
  }

  func clear(_ binding: Int, at t: Timestamp, reason: String) {
    guard var record = openAlerts.removeValue(forKey: binding) else { preconditionFailure("what clears was raised") }
    record.state = "cleared"
    record.clearedAt = t
    record.revision += 1
    tell(.cleared, record, binding, at: t, reason: reason)
  }

  private func message(_ binding: Int, at t: Timestamp) -> BilingualText {
    evaluator.message(of: binding, at: t, heads: heads)
  }

  private func tell(_ transition: AlertEvent.Transition, _ record: AlertRecord, _ binding: Int, at t: Timestamp, reason: String) {
    changes.alerts.append(record)
    changes.transitions.append(
      TransitionRecord(alert: record.id, revision: record.revision, kind: transition.rawValue, reason: reason, time: t, detectedAt: now))
    changes.events.append(event(transition, record, binding, at: t).record)
  }

  private func event(_ transition: AlertEvent.Transition, _ record: AlertRecord, _ binding: Int, at t: Timestamp) -> AlertEvent {
    let rule = book.rules[program.rule(of: binding)]
    let index = program.device(of: binding)
    let device = registry.devices[index]
    let profile = registry.profiles[device.profile]
    var event = AlertEvent(
      instance: settings.instance, alert: record.id, transition: transition, nth: 1, revision: record.revision,
      state: transition == .cleared ? .cleared : .raised, severity: record.severity, subject: record.subject, site: record.site,
      rule: AlertEvent.Rule(id: rule.id, version: rule.version, name: rule.name), time: t, breachedAt: record.breachedAt, detectedAt: now,
      conditionText: rule.when.source,
      message: transition == .cleared ? OperatorText.cleared(rule: rule.name, place: device.name) : record.message)
    event.late = now - t > Self.fresh
    event.domain = record.domain
    event.zone = device.zone
    event.ward = device.ward(at: t).map {
      AlertEvent.Ward(code: $0.code, validFrom: $0.validFrom, name: registry.wards[$0]?.name ?? $0.code)
    }
    event.device = AlertEvent.Device(
      id: device.id, name: device.name, profile: profile.id, latitude: device.location?.lat, longitude: device.location?.lon)
    event.raisedAt = record.raisedAt
    event.clearedAt = record.clearedAt
    event.advice = rule.advice
    event.conditionValues = evaluator.values(of: binding, at: t, heads: heads)
      .map { AlertEvent.ConditionValue(text: $0.text, value: $0.value, decimals: $0.decimals) }
    if let headline = rule.headline, let metric = profile.metricIndex(headline.metric) {
      event.metric = headline.metric
      event.unit = profile.metrics[metric].unit
      event.decimals = profile.metrics[metric].scale.decimals
      event.value = event.conditionValues.first { $0.text == headline.text }?.value
    }
    event.evidence = evidence(rule, index, profile, at: t)
    return event
  }

  /// The last readings of each metric that the rule reads, up to T.
  private func evidence(_ rule: Rule, _ device: Int, _ profile: Profile, at t: Timestamp) -> [AlertEvent.Evidence] {
    rule.metrics.compactMap { name in
      guard let metric = profile.metricIndex(name) else { return nil }
      let view = heads.view(seriesOf[device][metric].int)
      let end = view.upperBound(t.milliseconds)
      var points: [(ts: Timestamp, value: Double)] = []
      for i in max(0, end - Self.evidencePoints)..<end where Quality(byte: view.qualities[i]).isGood && !view.values[i].isNaN {
        points.append((Timestamp(milliseconds: view.times[i]), view.values[i]))
      }
      return AlertEvent.Evidence(metric: name, decimals: profile.metrics[metric].scale.decimals, points: points)
    }
  }
}
