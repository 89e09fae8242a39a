import { Component } from "@angular/core";
import { RouterLink, RouterOutlet } from "@angular/router";
import { routes } from "./routes";

@Component({
  selector: "app-root",
  imports: [RouterLink, RouterOutlet],
  template: `
    <h1>Angular, EDITION</h1>
    @for (route of routes; track route.path) {
      <a [routerLink]="route.path">{{ route.path }}</a>
    }
    <router-outlet />
  `,
})
export class App {
  routes = routes;
}
