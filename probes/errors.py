"""What can go wrong in a probe.

ProbeError
  CannotRun      the case cannot be run here, or must not be: outcome `skipped`
  Disturbed      a run began and could not be finished: outcome `error`
  SpoolFull      the spool has reached its bound
  NotSent        a report could not be sent; see send.py for the kinds
"""


class ProbeError(Exception):
    pass


class CannotRun(ProbeError):
    pass


class Disturbed(ProbeError):
    pass


class SpoolFull(ProbeError):
    pass


class NotSent(ProbeError):
    pass
