"""Draws timelines as SVG, with nothing but text: for light and for dark pages."""

WIDTH = 760
LEFT, RIGHT, TOP = 92, 96, 64
ROW, BAR = 21, 12
PANEL_GAP = 62
COLOURS = {"ann": "ann", "bob": "bob", None: "none"}
LABELS = {"ann": 'key "ann"', "bob": 'key "bob"', None: "no key"}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}
EXPLANATIONS = {
    "Unordered": "keys mean nothing: each reply leaves when its handler is done",
    "OrderedReplies": "handlers overlap; the replies of a key leave in request order",
    "SerializedByKey": "handlers of a key run one after another, in request order",
}
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 14px }
    .faint { fill: #59636e }
    .page { fill: #ffffff }
    .grid { stroke: #d1d9e0 }
    .ann { fill: #2a78d6; stroke: #2a78d6 }
    .bob { fill: #d95926; stroke: #d95926 }
    .none { fill: #8a8f98; stroke: #8a8f98 }
    .wait { stroke-width: 2; stroke-dasharray: 1 4; stroke-linecap: round }
    .held { stroke-width: 2 }
    .reply { fill: #ffffff; stroke-width: 2.5 }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3 }
        .faint { fill: #9198a1 }
        .page { fill: #0d1117 }
        .grid { stroke: #30363d }
        .ann { fill: #5598e7; stroke: #5598e7 }
        .bob { fill: #f0883e; stroke: #f0883e }
        .none { fill: #8b949e; stroke: #8b949e }
        .reply { fill: #0d1117 }
    }
"""
ALT = "Eight requests under three policies: when each handler ran, and when each reply left"


def draw(timelines):
    """The picture of {policy: events}."""
    longest = max(event.replied for events in timelines.values() for event in events)
    span = -(-longest // 0.1) * 0.1  # up to the next tenth of a second
    rows = max(len(events) for events in timelines.values())
    panel = rows * ROW + PANEL_GAP
    height = TOP + panel * len(timelines) - 16
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{ALT}">'
    page = f'<rect class="page" width="{WIDTH}" height="{height}"/>'
    parts = [head, f"<style>{STYLE}</style>", page, *legend()]
    for index, (name, events) in enumerate(timelines.items()):
        parts += panel_of(name, events, TOP + index * panel, span)
    return "\n".join([*parts, "</svg>", ""])


def bar(colour, x, middle, width):
    return f'<rect class="{colour}" x="{x}" y="{middle - BAR / 2:g}" width="{width:.1f}" height="{BAR}" rx="2"/>'


def line(kind, start, end, middle):
    return f'<line class="{kind}" x1="{start}" y1="{middle}" x2="{end}" y2="{middle}"/>'


def dot(colour, x, middle):
    return f'<circle class="{colour} reply" cx="{x}" cy="{middle}" r="4.5"/>'


def text(x, y, content, kind="label", anchor="start"):
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{content}</text>'


def legend():
    x, y = LEFT, 24
    for key in ("ann", "bob", None):
        yield bar(COLOURS[key], x, y - 4, 22) + text(x + 28, y, LABELS[key])
        x += 118
    yield line("none wait", x, x + 22, y - 4) + text(x + 28, y, "waits")
    yield line("none held", x + 74, x + 96, y - 4) + text(x + 102, y, "held back")
    yield dot("none", x + 178, y - 4) + text(x + 188, y, "reply")


def panel_of(name, events, top, span):
    def at(seconds):
        return round(LEFT + seconds / span * (WIDTH - LEFT - RIGHT), 1)

    bottom = top + 22 + len(events) * ROW
    yield text(LEFT, top, name, "title")
    yield text(LEFT + 142, top, EXPLANATIONS[name], "faint")
    for tenth in range(0, round(span * 10) + 1, 2):
        x = at(tenth / 10)
        yield f'<line class="grid" x1="{x}" y1="{top + 12}" x2="{x}" y2="{bottom}"/>'
        yield text(x, bottom + 14, f"{tenth / 10:g} s", "faint", "middle")
    order = sorted(range(len(events)), key=lambda number: events[number].replied)
    for number, event in enumerate(events):
        y = top + 28 + number * ROW
        colour, middle = COLOURS[event.account], y - 4
        yield text(LEFT - 10, y, f"request {number + 1}", "faint", "end")
        if event.begun - event.made > 0.005:
            yield line(f"{colour} wait", at(event.made), at(event.begun), middle)
        yield bar(colour, at(event.begun), middle, at(event.ended) - at(event.begun))
        yield line(f"{colour} held", at(event.ended), at(event.replied), middle)
        yield dot(colour, at(event.replied), middle)
        yield text(WIDTH - RIGHT + 18, y, f"{ordinal(order.index(number) + 1)} reply")


def ordinal(number):
    return f"{number}{ENDINGS.get(number, 'th')}"
