from __future__ import annotations

from django import forms
from django.http import QueryDict

from catalog.meetings.chair import Notes, Overtaken
from catalog.models import Point

_AREA = {"rows": 2}


class BeginForm(forms.Form):
    title = forms.CharField(max_length=120, help_text="Such as: LSF/MM/BPF, Thursday, 14:00.")
    held_on = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}))


class NotesForm(forms.Form):
    decided = forms.CharField(required=False, max_length=Point.MAX_CHARACTERS, widget=forms.Textarea(attrs=_AREA))
    action = forms.CharField(required=False, max_length=Point.MAX_CHARACTERS, widget=forms.Textarea(attrs=_AREA))
    who = forms.CharField(required=False, max_length=200)
    base = forms.IntegerField(min_value=0, max_value=1_000_000, widget=forms.HiddenInput)

    def __init__(self, point: Point, data: QueryDict | None = None) -> None:
        initial = {"decided": point.decided, "action": point.action, "who": point.who, "base": point.nr_changes}
        super().__init__(data, initial=initial, auto_id=f"p{point.pk}-%s")
        self.point = point

    def notes(self) -> Notes:
        data = self.cleaned_data
        return Notes(*(data[name].replace("\r\n", "\n").strip() for name in ("decided", "action", "who")))

    def against(self, overtaken: Overtaken) -> NotesForm:
        """A form with both texts, on top of what stands now."""
        now, mine = overtaken.point, self.notes()
        form = NotesForm(now)
        for name in ("decided", "action", "who"):
            theirs, own = getattr(now, name), getattr(mine, name)
            separator = " / " if name == "who" else "\n---\n"
            form.initial[name] = own if own == theirs or not theirs else f"{theirs}{separator}{own}" if own else theirs
        form.refused = str(overtaken)
        return form

    refused = ""
