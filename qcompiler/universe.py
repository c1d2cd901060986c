"""The only registry of qcompiler's dialects, passes and targets, seen by xDSL's own tools."""

from xdsl.universe import Universe

QCOMPILER_UNIVERSE = Universe(all_dialects={}, all_passes={}, all_targets={})
