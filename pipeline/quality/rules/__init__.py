"""The rules by which labels are scored: each looks at every labelled frame once and counts."""
