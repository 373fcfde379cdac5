"""An assessment for people: tables on a terminal, and one self-contained HTML page with plots."""

from recsys.evaluation.report.page import check_writable, drawn, write_report

__all__ = ["check_writable", "drawn", "write_report"]
