"""What the files of a comparison say: records, statistics, verdicts, tables; no torch, and nothing that trains."""
