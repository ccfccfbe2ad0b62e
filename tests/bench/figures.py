# SPDX-License-Identifier: MIT
"""What was measured, as figures: least, median and most over the rounds, ratios within a round, targets."""
import csv
import json
import statistics

BUSY_SHARE = 0.8


class Results:
    """Rows of one load on one server each, and single values by name."""

    def __init__(self):
        self.rows = []
        self.values = {}
        self.targets = []

    def add(self, round_number, server, load, figures, softirq_pid):
        seconds = figures["seconds"]
        own = [thread["cpu_ns"] for thread in figures["threads"] if thread["pid"] != softirq_pid]
        softirq_ns = sum(thread["cpu_ns"] for thread in figures["threads"]
                         if thread["pid"] == softirq_pid)
        self.rows.append({
            "round": round_number, "server": server, "load": load,
            "sent_per_s": figures["sent"] / seconds,
            "answers_per_s": figures["answers"] / seconds,
            "answered_share": figures["answers"] / max(figures["sent"], 1),
            "cpu_us_per_answer": figures["cpu_ns"] / 1e3 / max(figures["answers"], 1),
            "cpu_share": figures["cpu_ns"] / 1e9 / seconds,
            "softirq_share": softirq_ns / 1e9 / seconds,
            "invalid": figures["invalid"],
            "threads_ns": own,
        })

    def column(self, server, load, key):
        """One value for each round that has it."""
        return {row["round"]: row[key] for row in self.rows
                if row["server"] == server and row["load"] == load}

    def ratio(self, numerator, denominator, key, busy=False):
        """Of two (server, load) pairs, round by round. busy: leave out rounds in which a server did not have its
        CPU, because of other work on the machine: its rate then says nothing."""
        above, below = self.column(*numerator, key), self.column(*denominator, key)
        numbers = sorted(above.keys() & below.keys())
        if busy:
            shares = [self.column(*pair, "cpu_share") for pair in (numerator, denominator)]
            numbers = [number for number in numbers
                       if min(share[number] for share in shares) >= BUSY_SHARE]
        return [above[number] / below[number] for number in numbers if below[number] > 0]

    def target(self, text, values, limit, unit="", at_least=False):
        """Notes whether the median of the values reaches the limit. Without values: not measured."""
        if not values:
            self.targets.append({"text": text, "met": None})
            return
        median = statistics.median(values)
        is_met = median >= limit if at_least else median <= limit
        self.targets.append({"text": text, "values": list(values), "median": median,
                             "limit": limit, "unit": unit, "at_least": at_least, "met": is_met})

    def write(self, path):
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({"rows": self.rows, "values": self.values, "targets": self.targets}, file,
                      indent=1)
        with open(path + ".csv", "w", encoding="utf-8", newline="") as file:
            keys = [key for key in self.rows[0] if key != "threads_ns"] if self.rows else []
            writer = csv.DictWriter(file, keys, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)


def spread(values, form="{:.2f}"):
    """Least–median–most."""
    values = list(values)
    if not values:
        return "–"
    return "–".join(form.format(value) for value in
                    (min(values), statistics.median(values), max(values)))


def thousands(values):
    return spread([value / 1e3 for value in values], "{:.0f}")


def print_table(title, head, rows):
    print(f"\n{title}")
    widths = [max(len(str(line[column])) for line in [head] + rows) for column in range(len(head))]
    for line in [head] + rows:
        cells = [str(cell).ljust(width) if column == 0 else str(cell).rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        print("  " + "  ".join(cells).rstrip())


def print_load(results, load, title, servers, ceiling, chronyd):
    """One load, one line for each server that had it."""
    rows = []
    for server in servers:
        rates = results.column(server, load, "answers_per_s").values()
        if not rates:
            continue
        key = "cpu_us_per_answer"
        rows.append([
            server, thousands(rates),
            spread(results.ratio((server, load), (ceiling, load), "answers_per_s")),
            spread(results.ratio((server, load), (chronyd, load), "answers_per_s")),
            spread(results.column(server, load, key).values()),
            spread(results.ratio((server, load), (ceiling, load), key)),
            spread(results.ratio((server, load), (chronyd, load), key)),
            spread(results.column(server, load, "cpu_share").values()),
        ])
    print_table(title, ["", "answers, 1000/s", f"to {ceiling}", "to chronyd", "CPU, µs/answer",
                        f"to {ceiling}", "to chronyd", "CPUs busy"], rows)


def print_targets(results):
    print("\nTargets (least–median–most; the median counts)")
    for target in results.targets:
        if target["met"] is None:
            print(f"  not measured  {target['text']}")
            continue
        sign = "at least" if target["at_least"] else "at most"
        word = "met" if target["met"] else "MISSED"
        print(f"  {word:12}  {target['text']}: {spread(target['values'])}{target['unit']}, "
              f"{sign} {target['limit']:g}{target['unit']}")
