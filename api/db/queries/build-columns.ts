/** The columns of a BuildRow, of table `b`. */
export const BUILD_COLUMNS = `b.id, b.project_uid AS "projectUID", b.object_name AS "objectName", b.uid, b.dirname, b.package,
  b.version, b.state, b.reason, b.submitted_on AS "submittedOn", b.started_on AS "startedOn", b.ended_on AS "endedOn",
  b.submitter, b.is_background AS "isBackground", b.chroots, b.srpm_url AS "srpmURL"`;
