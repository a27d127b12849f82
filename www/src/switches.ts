/** A setting of the simulator that can be switched on and off. */
export interface Switch {
  setting: string;
  name: string;
  /** A share of all, off at 0; a number, off without one; or just on and off. */
  kind: "share" | "number" | "flag";
  /** What it is switched on with. */
  on: number | true;
}

const share = (setting: string, name: string, on = 0.25): Switch => ({ setting, name, kind: "share", on });
const number = (setting: string, name: string, on: number): Switch => ({ setting, name, kind: "number", on });
const flag = (setting: string, name: string): Switch => ({ setting, name, kind: "flag", on: true });

/** The switches, by the list of the page that holds them. */
export const groups: Readonly<Record<string, readonly Switch[]>> = {
  limits: [
    number("concurrency", "Cap: tasks at once", 23),
    number("rpm", "Window: submits in it", 10),
    number("ipm", "Window: images in it", 10),
    number("rpd", "Quota of a day", 100),
    flag("queue", "Queue what is too much"),
    flag("hint_slots", "Hint when full, too"),
    flag("name_axis", "Say which limit refused"),
  ],
  errors: [
    share("submit_503", "503 to a submit"),
    share("submit_500", "500 to a submit"),
    share("poll_503", "503 to a poll"),
    share("poll_500", "500 to a poll"),
    share("image_503", "503 to an image"),
  ],
  lost: [
    share("lost_request", "Submits"),
    share("lost_answer", "Answers to submits"),
    share("poll_lost", "Answers to polls"),
  ],
  broken: [
    share("truncated_json", "JSON cut short"),
    share("html_502", "A proxy's HTML 502"),
    share("wrong_content_type", "HTML with status 200"),
    share("deep_json", "Deeply nested JSON", 0.1),
    share("huge_body", "Huge bodies", 0.1),
    share("redirect", "Redirects to elsewhere", 0.1),
  ],
  pictures: [
    share("task_failure", "Tasks that fail", 0.1),
    share("filtered", "Filtered by content", 0.1),
    flag("charge_filtered", "Filtered ones are charged"),
  ],
};

export const switches: readonly Switch[] = Object.values(groups).flat();
