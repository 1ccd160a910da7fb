import Alerting
import DeviceRegistry
import Outbox
import Readings
import RuleEngine
import SeriesStore

/// What events say.
extension Engine {
  /// What is kept with an alert of its rule and subject.
  func context(_ rule: Rule, _ subject: AlertSubject, _ facts: SubjectFacts, at t: Timestamp) -> AlertContext {
    var context = AlertContext()
    context.ruleName = AlertContext.Text(rule.name)
    context.advice = rule.advice.map(AlertContext.Text.init)
    (context.place, context.conditionText) = (facts.place, rule.when.source)
    context.ward = ward(of: subject, at: t)
    switch subject {
    case .device(let index):
      let device = registry.devices[index]
      let profile = registry.profiles[device.profile]
      context.device = AlertContext.Device(
        id: device.id, name: device.name, profile: profile.id, latitude: device.location?.lat, longitude: device.location?.lon)
      if let headline = rule.headline, let metric = profile.metricIndex(headline.metric) {
        context.metric = headline.metric
        context.unit = profile.metrics[metric].unit
        context.decimals = profile.metrics[metric].scale.decimals
      }
    case .group(let group):
      let members = program.members(ofGroup: group.index, at: t)
      let listed = members.prefix(AlertContext.Members.listedMax).map { registry.devices[$0].id }
      context.members = AlertContext.Members(devices: listed, count: members.count)
    }
    return context
  }

  private func ward(of subject: AlertSubject, at t: Timestamp) -> AlertContext.Ward? {
    let id: WardID? =
      switch subject {
      case .device(let device): registry.devices[device].ward(at: t)
      case .group(let group): group.ward
      }
    return id.map { AlertContext.Ward(code: $0.code, validFrom: $0.validFrom, name: registry.wards[$0]?.name ?? $0.code) }
  }

  /// An event of an alert whose rule and subject are there.
  func event(
    _ transition: AlertEvent.Transition, nth: Int, _ alert: AlertRecord, _ binding: Int, at t: Timestamp, by: String?
  ) -> AlertEvent {
    let (rule, subject) = (rule(of: binding), subject(of: binding))
    cover(subject, at: t)
    var event = bareEvent(transition, nth: nth, alert, context: context(rule, subject, facts(of: subject), at: t), at: t, by: by)
    event.conditionValues = evaluator.values(of: binding, at: t, heads: heads)
      .map { AlertEvent.ConditionValue(text: $0.text, value: $0.value, decimals: $0.decimals) }
    if let headline = rule.headline { event.value = event.conditionValues.first { $0.text == headline.text }?.value }
    if case .device(let device) = subject { event.evidence = evidence(rule, device, at: t) }
    event.limit = evaluator.limits(of: binding, at: t).first.map { limit in
      AlertEvent.Limit(
        regulation: limit.regulation ?? "permit", value: limit.value, unit: limit.unit, validFrom: limit.validFrom)
    }
    event.forecast = evaluator.forecast(of: binding, at: t, heads: heads).map { trend in
      AlertEvent.Forecast(
        metric: trend.metric, limit: trend.limit, crossesAt: trend.crossesAt, slopePerHour: trend.slopePerHour, fit: trend.fit,
        decimals: trend.decimals)
    }
    return event
  }

  /// The same without what only readings say.
  func bareEvent(
    _ transition: AlertEvent.Transition, nth: Int, _ alert: AlertRecord, context: AlertContext, at t: Timestamp, by: String?
  ) -> AlertEvent {
    let name = context.ruleName?.bilingual ?? BilingualText(vi: alert.rule, en: alert.rule)
    var event = AlertEvent(
      instance: settings.instance, alert: alert.id, transition: transition, nth: nth, revision: alert.revision,
      state: transition == .cleared ? .cleared : .raised, severity: alert.severity, subject: alert.subject, site: alert.site,
      rule: AlertEvent.Rule(id: alert.rule, version: alert.ruleVersion, name: name), time: t, breachedAt: alert.breachedAt,
      detectedAt: transition == .raised ? alert.detectedAt : now, conditionText: context.conditionText ?? "",
      message: message(transition, alert, name, place: context.place ?? alert.subject, by: by))
    event.take(context)
    event.toldAt = now
    event.late = transition == .raised ? alert.isLate : isLate(t)
    (event.raiseDetectedAt, event.isRaiseLate) = (alert.detectedAt, alert.isLate)
    (event.domain, event.zone) = (alert.domain, alert.zone)
    (event.raisedAt, event.clearedAt, event.acknowledged) = (alert.raisedAt, alert.clearedAt, alert.acknowledged)
    return event
  }

  private func message(
    _ transition: AlertEvent.Transition, _ alert: AlertRecord, _ rule: BilingualText, place: String, by: String?
  ) -> BilingualText {
    guard transition == .cleared else { return alert.message }
    switch alert.endReason {
    case .condition, .noTurns, nil: return OperatorText.cleared(rule: rule, place: place)
    case .some(let reason): return OperatorText.ended(rule: rule, place: place, reason, by: by)
    }
  }

  /// The last readings of each metric that the rule reads, up to T.
  private func evidence(_ rule: Rule, _ device: Int, at t: Timestamp) -> [AlertEvent.Evidence] {
    let profile = registry.profile(of: device)
    return rule.metrics.compactMap { name in
      guard let metric = profile.metricIndex(name) else { return nil }
      let view = heads.view(seriesOf[device][metric].int)
      let end = view.upperBound(t.milliseconds)
      var points: [(ts: Timestamp, value: Double)] = []
      for i in max(0, end - Self.evidencePoints)..<end where view.isGood(i) {
        points.append((Timestamp(milliseconds: view.time(i)), view.value(i)))
      }
      return AlertEvent.Evidence(metric: name, decimals: profile.metrics[metric].scale.decimals, points: points)
    }
  }
}
